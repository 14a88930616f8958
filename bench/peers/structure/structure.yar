// Rules on what programs consist of, made to fire on ordinary ones: every engine has to agree on each.
import "pe"
import "elf"
import "math"
import "hash"
import "dotnet"

rule pe_any { condition: pe.is_pe }
rule pe_x86 { condition: pe.machine == pe.MACHINE_I386 }
rule pe_x64 { condition: pe.machine == pe.MACHINE_AMD64 }
rule pe_arm64 { condition: pe.machine == 0xaa64 }
rule pe_dll { condition: pe.characteristics & pe.DLL != 0 }
rule pe_gui { condition: pe.subsystem == pe.SUBSYSTEM_WINDOWS_GUI }
rule pe_console { condition: pe.subsystem == pe.SUBSYSTEM_WINDOWS_CUI }
rule pe_five_sections { condition: pe.number_of_sections == 5 }
rule pe_six_sections { condition: pe.number_of_sections == 6 }
rule pe_text_first { condition: pe.sections[0].name == ".text" }
rule pe_first_is_code { condition: pe.sections[0].characteristics & pe.SECTION_MEM_EXECUTE != 0 }
rule pe_large_first { condition: pe.sections[0].raw_data_size > 100000 }
rule pe_section_bounds { condition: for any s in pe.sections : ( s.virtual_size > s.raw_data_size ) }
rule pe_rsrc { condition: for any s in pe.sections : ( s.name == ".rsrc" ) }
rule pe_entry_in_code { condition: pe.entry_point >= pe.sections[0].raw_data_offset and pe.entry_point < pe.sections[0].raw_data_offset + pe.sections[0].raw_data_size }
rule pe_loads { condition: pe.imports("kernel32.dll", "LoadLibraryA") or pe.imports("kernel32.dll", "LoadLibraryW") or pe.imports("kernel32.dll", "LoadLibraryExW") }
rule pe_finds { condition: pe.imports("KERNEL32.dll", "GetProcAddress") }
rule pe_by_number { condition: pe.imports("ws2_32.dll", 115) }
rule pe_many_kernel { condition: pe.imports("kernel32.dll") > 20 }
rule pe_pattern { condition: pe.imports(/msvcp/i, /./) > 3 }
rule pe_few_imports { condition: pe.number_of_imports < 5 }
rule pe_imported { condition: pe.number_of_imported_functions > 100 }
rule pe_delayed { condition: pe.number_of_delayed_imports > 0 }
rule pe_python { condition: for any e in pe.export_details : ( e.name startswith "PyInit_" ) }
rule pe_exports_named { condition: pe.number_of_exports > 1 and pe.export_details[0].ordinal > 0 }
rule pe_first_export { condition: pe.exports_index(0) == 0 or pe.exports(1) }
rule pe_dll_name { condition: pe.dll_name icontains ".dll" or pe.dll_name icontains ".pyd" }
rule pe_imphash_begins { condition: pe.imphash() matches /^[0-7]/ }
rule pe_rich { condition: pe.rich_signature.length > 0 }
rule pe_rich_tool { condition: pe.rich_signature.toolid(259) > 0 or pe.rich_signature.toolid(260) > 0 or pe.rich_signature.toolid(261) > 0 }
rule pe_resources { condition: pe.number_of_resources > 2 }
rule pe_manifest { condition: for any r in pe.resources : ( r.type == pe.RESOURCE_TYPE_MANIFEST ) }
rule pe_version { condition: pe.version_info["CompanyName"] != "" }
rule pe_product { condition: pe.version_info["ProductName"] icontains "python" }
rule pe_overlay { condition: pe.overlay.size > 0 }
rule pe_overlay_place { condition: pe.overlay.offset > 0x10000 }
rule pe_debug { condition: pe.pdb_path endswith ".pdb" }
rule pe_signed { condition: pe.number_of_signatures > 0 }
rule pe_signed_well { condition: for any s in pe.signatures : ( s.digest_alg == "sha256" ) }
rule pe_issuer { condition: for any s in pe.signatures : ( s.issuer contains "Microsoft" or s.issuer contains "DigiCert" ) }
rule pe_checksum { condition: pe.checksum != 0 and pe.checksum == pe.calculate_checksum() }
rule pe_checksum_wrong { condition: pe.checksum != pe.calculate_checksum() }
rule pe_dynamic_base { condition: pe.dll_characteristics & pe.DYNAMIC_BASE != 0 }
rule pe_linker { condition: pe.linker_version.major == 14 }
rule pe_tables { condition: pe.data_directories[pe.IMAGE_DIRECTORY_ENTRY_EXPORT].size > 0 }
rule pe_at { condition: pe.rva_to_offset(pe.sections[0].virtual_address) == pe.sections[0].raw_data_offset }
rule pe_old { condition: pe.timestamp < 1577836800 }
rule dotnet_any { condition: dotnet.is_dotnet }
rule dotnet_streams { condition: dotnet.number_of_streams >= 5 }
rule elf_shared { condition: elf.type == elf.ET_DYN }
rule elf_relocatable { condition: elf.type == elf.ET_REL }
rule elf_x64 { condition: elf.machine == elf.EM_X86_64 }
rule elf_sections { condition: elf.number_of_sections > 20 }
rule elf_segments { condition: elf.number_of_segments > 9 }
rule elf_rodata { condition: for any s in elf.sections : ( s.name == ".rodata" ) }
rule elf_text_code { condition: for any s in elf.sections : ( s.name == ".text" and s.flags & 4 != 0 ) }
rule elf_stack { condition: for any s in elf.segments : ( s.type == elf.PT_GNU_STACK and s.flags & elf.PF_X == 0 ) }
rule elf_dynamic { condition: elf.dynamic_section_entries > 10 }
rule elf_needs { condition: for any d in elf.dynamic : ( d.type == elf.DT_NEEDED ) }
rule elf_symbols { condition: elf.dynsym_entries > 50 }
rule elf_telfhash { condition: elf.telfhash() matches /^t1/ }
rule elf_entry { condition: elf.entry_point > 0x1000 }
rule math_dense { condition: math.entropy(0, filesize) >= 7.0 }
rule math_middle { condition: math.in_range(math.entropy(0, filesize), 5.5, 6.5) }
rule math_mean { condition: math.mean(0, filesize) > 100.0 }
rule math_zero { condition: math.count(0x00, 0, filesize) > filesize \ 4 }
rule math_mode { condition: math.mode(0, filesize) == 0 }
rule math_deviation { condition: math.deviation(0, filesize, math.MEAN_BYTES) > 60.0 }
rule hash_md5 { condition: hash.md5(0, filesize) matches /^[0-3]/ }
rule hash_sha1 { condition: filesize >= 512 and hash.sha1(0, 512) matches /^[0-7]/ }
rule hash_sha256 { condition: hash.sha256(0, filesize) matches /^[89a-f]/ }
rule hash_crc { condition: hash.crc32(0, filesize) % 2 == 0 }
rule hash_sum { condition: hash.checksum32(0, filesize) > 0x1000000 }
