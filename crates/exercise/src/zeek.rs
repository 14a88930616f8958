//! Zeek's log formats: tab-separated conn logs and JSON dns logs, as Zeek 6 writes them
//! (docs.zeek.org, "conn.log", "dns.log", "ASCII writer").

use crate::{dice::Dice, out::Line};
use terms::{Day, Timestamp};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// One connection.
#[derive(Debug, Clone)]
pub(crate) struct Conn {
    pub(crate) t: Timestamp,
    pub(crate) uid: u64,
    pub(crate) host: u32,
    pub(crate) port: u16,
    pub(crate) remote: u32,
    pub(crate) remote_port: u16,
    pub(crate) udp: bool,
    /// Empty where Zeek does not know.
    pub(crate) service: &'static str,
    /// Microseconds; ignored for a connection that nobody answered.
    pub(crate) duration: u64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) answered: bool,
}

/// One query for an address (A).
#[derive(Debug, Clone)]
pub(crate) struct Query {
    pub(crate) t: Timestamp,
    pub(crate) uid: u64,
    pub(crate) host: u32,
    pub(crate) port: u16,
    pub(crate) server: u32,
    pub(crate) transaction: u16,
    pub(crate) rtt: u64,
    pub(crate) name: String,
    /// None: the name does not exist.
    pub(crate) answer: Option<u32>,
    pub(crate) ttl: u64,
}

fn day_stamp(day: Day) -> String {
    format!("{day}-00-00-00")
}

/// The header of a tab-separated conn log opened at the beginning of `day`, eight lines.
pub fn zeek_conn_header(day: Day) -> String {
    let fields = [
        ("ts", "time"),
        ("uid", "string"),
        ("id.orig_h", "addr"),
        ("id.orig_p", "port"),
        ("id.resp_h", "addr"),
        ("id.resp_p", "port"),
        ("proto", "enum"),
        ("service", "string"),
        ("duration", "interval"),
        ("orig_bytes", "count"),
        ("resp_bytes", "count"),
        ("conn_state", "string"),
        ("local_orig", "bool"),
        ("local_resp", "bool"),
        ("missed_bytes", "count"),
        ("history", "string"),
        ("orig_pkts", "count"),
        ("orig_ip_bytes", "count"),
        ("resp_pkts", "count"),
        ("resp_ip_bytes", "count"),
        ("tunnel_parents", "set[string]"),
    ];
    let join = |part: fn(&(&'static str, &'static str)) -> &'static str| {
        fields.iter().map(part).collect::<Vec<_>>().join("\t")
    };
    format!(
        "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n#open\t{}\n\
         #fields\t{}\n#types\t{}\n",
        day_stamp(day),
        join(|f| f.0),
        join(|f| f.1)
    )
}

/// The last line of a tab-separated log closed at the end of `day`.
pub fn zeek_close(day: Day) -> String {
    format!("#close\t{}\n", day_stamp(day.plus(1)))
}

fn uid(line: &mut Line, seed: u64) {
    let mut dice = Dice::new(seed, 0, 0);
    line.text("C");
    for _ in 0..17 {
        line.0.push(*dice.pick(ALPHABET));
    }
}

impl Conn {
    /// One line of a tab-separated conn log.
    pub(crate) fn tsv(&self, line: &mut Line) {
        line.epoch(self.t).text("\t");
        uid(line, self.uid);
        line.text("\t").ip(self.host).text("\t").number(u64::from(self.port)).text("\t");
        line.ip(self.remote).text("\t").number(u64::from(self.remote_port));
        line.text(if self.udp { "\tudp\t" } else { "\ttcp\t" });
        line.text(if self.service.is_empty() { "-" } else { self.service }).text("\t");
        if self.answered {
            line.seconds(self.duration)
                .text("\t")
                .number(self.sent)
                .text("\t")
                .number(self.received)
                .text("\tSF");
        } else {
            line.text("-\t-\t-\tS0");
        }
        let inside = |ip: u32| if ip >> 24 == 10 { "T" } else { "F" };
        line.text("\t").text(inside(self.host)).text("\t").text(inside(self.remote)).text("\t0\t");
        line.text(match (self.answered, self.udp) {
            (false, true) => "D",
            (false, false) => "S",
            (true, true) => "Dd",
            (true, false) => "ShADadFf",
        });
        let header = if self.udp { 28 } else { 40 };
        let packets = |bytes: u64| if self.udp { 1 } else { 4 + bytes / 1_400 };
        let (out, back) = if self.answered {
            ((packets(self.sent), self.sent), (packets(self.received), self.received))
        } else {
            ((1, 0), (0, 0))
        };
        for (count, bytes) in [out, back] {
            line.text("\t").number(count).text("\t").number(bytes + count * header);
        }
        line.text("\t-\n");
    }
}

impl Query {
    /// One line of a JSON dns log; fields without a value are left out, as Zeek does.
    pub(crate) fn json(&self, line: &mut Line) {
        line.text(r#"{"ts":"#).epoch(self.t).text(r#","uid":""#);
        uid(line, self.uid);
        line.text(r#"","id.orig_h":""#).ip(self.host).text(r#"","id.orig_p":"#).number(u64::from(self.port));
        line.text(r#","id.resp_h":""#).ip(self.server).text(r#"","id.resp_p":53,"proto":"udp","trans_id":"#);
        line.number(u64::from(self.transaction)).text(r#","rtt":"#).seconds(self.rtt).text(r#","query":""#);
        line.text(&self.name).text(r#"","qclass":1,"qclass_name":"C_INTERNET","qtype":1,"qtype_name":"A","#);
        line.text(if self.answer.is_some() {
            r#""rcode":0,"rcode_name":"NOERROR""#
        } else {
            r#""rcode":3,"rcode_name":"NXDOMAIN""#
        });
        line.text(r#","AA":false,"TC":false,"RD":true,"RA":true,"Z":0,"#);
        if let Some(answer) = self.answer {
            line.text(r#""answers":[""#).ip(answer).text(r#""],"TTLs":["#).number(self.ttl).text(".0],");
        }
        line.text("\"rejected\":false}\n");
    }
}
