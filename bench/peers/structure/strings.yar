// Every way to write a pattern, on texts that ordinary programs have.
rule text_plain { strings: $a = "GetProcAddress" condition: $a }
rule text_nocase { strings: $a = "microsoft" nocase condition: #a > 2 }
rule text_wide { strings: $a = "FileVersion" wide condition: $a }
rule text_both { strings: $a = "Python" wide ascii condition: $a }
rule text_whole { strings: $a = "malloc" fullword condition: $a }
rule text_xor { strings: $a = "This program cannot" xor(0x01-0xff) condition: $a }
rule text_base64 { strings: $a = "This program cannot" base64 condition: $a }
rule text_where { strings: $a = "PE\x00\x00" condition: $a in (0..1024) }
rule text_at { strings: $a = "MZ" condition: $a at 0 }
rule text_elf { strings: $a = { 7F 45 4C 46 } condition: $a at 0 }
rule hex_wild { strings: $a = { 55 8B EC ?? ?? } condition: $a }
rule hex_jump { strings: $a = { 48 89 5C 24 [1-4] 48 89 } condition: $a }
rule hex_far { strings: $a = { 7F 45 4C 46 [8-64] 00 00 00 } condition: $a }
rule expression { strings: $a = /https?:\/\/[a-z0-9.\/-]{4,60}/ condition: #a > 2 }
rule expression_nocase { strings: $a = /copyright[^a-z]{1,8}(19|20)[0-9]{2}/i condition: $a }
rule expression_wide { strings: $a = /[A-Z][a-z]+Version/ wide condition: $a }
rule expression_bounds { strings: $a = /\b[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\b/ condition: #a > 1 }
rule offsets { strings: $a = "text" condition: @a[1] < 2048 }
rule lengths { strings: $a = /[a-z]{6,30}/ condition: for any i in (1..3) : ( !a[i] > 8 ) }
rule some_of { strings: $a = "malloc" $b = "free" $c = "calloc" condition: 2 of them }
rule for_of { strings: $a1 = "GetLastError" $a2 = "Sleep" condition: for all of ($a*) : ( @ > 512 ) }
rule sized { condition: filesize > 100KB and filesize < 1MB }
rule numbers { condition: uint16(0) == 0x5a4d and uint32(uint32(0x3c)) == 0x4550 }
rule big_end { condition: uint32be(0) == 0x7f454c46 }
rule other { condition: text_at and not sized }
rule hex_half { strings: $a = { 55 48 8B E? 4? 83 } condition: $a }
rule hex_not { strings: $a = { 48 83 EC 28 ~E8 } condition: $a }
rule hex_either { strings: $a = { 48 8B 05 ( ?? 00 | FF ?? | ?? 01 ) } condition: #a > 3 }
rule count_in { strings: $a = "GetLast" condition: #a in (0..filesize) > 1 }
