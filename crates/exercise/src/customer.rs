//! The network of a customer (10.20.0.0/16): ordinary traffic, periodic and harmless traffic, and six infected hosts.

use crate::{
    ExerciseError, Progress,
    bots::{Bot, OFFICE_BOTS, Roster},
    channels::{COMPANY_SINKHOLE, GROUPS, OTHER_SINKHOLE},
    dice::{Dice, at, key},
    fate::{DayNames, Fate, Reach},
    out::{Folder, Line, Packing},
    zeek::{Conn, Query, zeek_close, zeek_conn_header},
};
use std::net::Ipv4Addr;
use terms::{Day, MICROS_PER_SECOND, Timestamp};

/// The network's resolver.
pub(crate) const RESOLVER: u32 = u32::from_be_bytes([10, 20, 0, 2]);
/// Content networks: `cdn-00.skylark.example` and so on, from 203.0.113.100.
const CDN_HOSTS: u8 = 30;
/// Ordinary sites: from 198.51.100.100.
const SITES: [&str; 20] = [
    "www.almanac.example",
    "www.bakery.example",
    "www.cartography.example",
    "www.dovecote.example",
    "www.evening-post.example",
    "www.ferry-times.example",
    "www.greenhouse.example",
    "www.hardware.example",
    "www.insurance.example",
    "www.joinery.example",
    "www.kitchens.example",
    "www.library.example",
    "www.museum.example",
    "www.nursery.example",
    "www.orchestra.example",
    "www.pottery.example",
    "www.quarry.example",
    "www.railway.example",
    "www.sailing.example",
    "www.theatre.example",
];

/// A harmless service that hosts call at regular times.
struct Periodic {
    name: &'static str,
    ip: Ipv4Addr,
    port: u16,
    udp: bool,
    service: &'static str,
    seconds: u64,
    /// Of every so many hosts, one uses it.
    every: u32,
    bytes: (u64, u64),
}

const PERIODIC: [Periodic; 5] = [
    Periodic {
        name: "time-1.sundial.example",
        ip: Ipv4Addr::new(192, 0, 2, 123),
        port: 123,
        udp: true,
        service: "ntp",
        seconds: 4_096,
        every: 1,
        bytes: (48, 48),
    },
    Periodic {
        name: "time-2.sundial.example",
        ip: Ipv4Addr::new(192, 0, 2, 124),
        port: 123,
        udp: true,
        service: "ntp",
        seconds: 2_048,
        every: 4,
        bytes: (48, 48),
    },
    Periodic {
        name: "updates.meridian.example",
        ip: Ipv4Addr::new(203, 0, 113, 80),
        port: 443,
        udp: false,
        service: "ssl",
        seconds: 3_600,
        every: 1,
        bytes: (900, 5_200),
    },
    Periodic {
        name: "metrics.lookout.example",
        ip: Ipv4Addr::new(203, 0, 113, 90),
        port: 443,
        udp: false,
        service: "ssl",
        seconds: 900,
        every: 2,
        bytes: (1_800, 700),
    },
    Periodic {
        name: "vault.cloudkeep.example",
        ip: Ipv4Addr::new(203, 0, 113, 95),
        port: 8443,
        udp: false,
        service: "ssl",
        seconds: 1_800,
        every: 12,
        bytes: (60_000, 1_200),
    },
];

/// Names and addresses of everything harmless in the logs.
pub(crate) fn benign() -> Vec<(String, Ipv4Addr)> {
    let cdn =
        (0..CDN_HOSTS).map(|n| (format!("cdn-{n:02}.skylark.example"), Ipv4Addr::new(203, 0, 113, 100 + n)));
    let sites = (100..).zip(SITES).map(|(n, name)| (name.to_owned(), Ipv4Addr::new(198, 51, 100, n)));
    PERIODIC.iter().map(|p| (p.name.to_owned(), p.ip)).chain(cdn).chain(sites).collect()
}

/// What a day of the network leaves behind, in the order of time.
#[derive(Default)]
pub(crate) struct Traffic {
    pub(crate) conns: Vec<Conn>,
    pub(crate) queries: Vec<Query>,
}

/// The network with its bots.
pub(crate) struct Customer<'a> {
    pub(crate) roster: &'a Roster,
    pub(crate) fate: &'a Fate,
    /// From which day on a bot is cured.
    pub(crate) cured: &'a dyn Fn(&Bot) -> Option<Day>,
}

impl Customer<'_> {
    /// The private address of a host.
    pub(crate) fn host(&self, n: u32) -> u32 {
        u32::from_be_bytes([10, 20, 1, 10]) + (n / 200) * 256 + n % 200
    }
    /// The host that an infected machine is.
    pub(crate) fn infected_host(&self, bot: u32) -> u32 {
        self.host(bot * (self.roster.spec.hosts / OFFICE_BOTS))
    }

    /// Everything that the network's border sees on a day.
    pub(crate) fn day(&self, day: Day) -> Traffic {
        let mut traffic = Traffic::default();
        for n in 0..self.roster.spec.hosts {
            let mut dice =
                Dice::new(key(self.roster.spec.seed, "host"), u64::from(n), u64::from(day.0.unsigned_abs()));
            let mut host = Host { address: self.host(n), day, dice: &mut dice, traffic: &mut traffic };
            host.ordinary(n);
        }
        let names = self.fate.names(day);
        for index in 0..OFFICE_BOTS {
            let bot = self.roster.bot(index);
            if (self.cured)(&bot).is_none_or(|cured| day < cured) {
                self.infected(&bot, day, &names, &mut traffic);
            }
        }
        traffic.conns.sort_by_key(|c| (c.t, c.host, c.port, c.remote));
        traffic.queries.sort_by_key(|q| (q.t, q.host, q.port));
        traffic
    }

    fn infected(&self, bot: &Bot, day: Day, names: &DayNames, traffic: &mut Traffic) {
        let address = self.infected_host(bot.index);
        let group = at(&GROUPS, bot.group);
        self.roster.sessions(bot, day, |session, start, mut dice| {
            let mut host = Host { address, day, dice: &mut dice, traffic };
            let mut t = start;
            for (i, fixed) in group.channels().filter(|(_, f)| f.port == 0) {
                t = host.call_name(t, fixed.name, self.fate.fixed(i, t));
            }
            if group.dga {
                // The first walk of the day is complete; later ones end at the name that the operator holds.
                let complete = bot.index == 0 && session == 0;
                let first = usize::try_from(host.dice.below(40)).unwrap_or(0);
                for k in 0..names.names.len() {
                    let i = if complete { k } else { (first + k) % names.names.len() };
                    let reach = *at(&names.reach, i);
                    t = host.call_name(t, at::<String>(&names.names, i), reach);
                    if !complete && matches!(reach, Reach::Operator(_)) {
                        break;
                    }
                }
            }
        });
        let (on, off) = self.roster.window(bot);
        for (i, fixed) in group.channels().filter(|(_, f)| f.port != 0) {
            let seconds = 600 + 300 * (i as u64 - 3);
            let mut dice = Dice::new(
                key(self.roster.spec.seed, "beacon"),
                u64::from(bot.index) << 8 | i as u64,
                u64::from(day.0.unsigned_abs()),
            );
            let mut host = Host { address, day, dice: &mut dice, traffic };
            let mut second = on + host.dice.below(60);
            while second < off {
                let t = host.instant(second);
                let answered = self.fate.fixed(i, t) == Reach::Operator(fixed.ip);
                host.beacon(t, fixed.ip, fixed.port, answered);
                // Seven percent of jitter either way.
                second += seconds - seconds * 7 / 100 + host.dice.below(seconds * 14 / 100);
            }
        }
    }
}

/// One host on one day, writing its traffic.
struct Host<'a> {
    address: u32,
    day: Day,
    dice: &'a mut Dice,
    traffic: &'a mut Traffic,
}

impl Host<'_> {
    fn instant(&mut self, second: u64) -> Timestamp {
        let micros = second.min(86_340) * 1_000_000 + self.dice.below(1_000_000);
        self.day.start().plus_micros(micros.cast_signed())
    }
    fn port(&mut self) -> u16 {
        u16::try_from(self.dice.between(49_152, 65_535)).unwrap_or(49_152)
    }

    /// Looks a name up; when the answer is there.
    fn look_up(&mut self, t: Timestamp, name: &str, answer: Option<Ipv4Addr>) -> Timestamp {
        let (uid, port) = (self.dice.next(), self.port());
        let rtt = self.dice.between(400, 28_000);
        let transaction = u16::try_from(self.dice.below(65_536)).unwrap_or(0);
        let sent = name.len() as u64 + 18;
        self.traffic.conns.push(Conn {
            t,
            uid,
            host: self.address,
            port,
            remote: RESOLVER,
            remote_port: 53,
            udp: true,
            service: "dns",
            duration: rtt,
            sent,
            received: sent + if answer.is_some() { 16 } else { 75 },
            answered: true,
        });
        self.traffic.queries.push(Query {
            t,
            uid,
            host: self.address,
            port,
            server: RESOLVER,
            transaction,
            rtt,
            name: name.to_owned(),
            answer: answer.map(u32::from),
            ttl: 300,
        });
        t.plus_micros(rtt.cast_signed())
    }

    #[expect(clippy::too_many_arguments, reason = "the columns of a connection")]
    fn connect(
        &mut self,
        t: Timestamp,
        ip: Ipv4Addr,
        port: u16,
        udp: bool,
        service: &'static str,
        bytes: (u64, u64),
        answered: bool,
    ) {
        let vary = |dice: &mut Dice, n: u64| if udp { n } else { n + dice.below(n / 4 + 1) };
        let (uid, own) = (self.dice.next(), self.port());
        let duration = self.dice.between(20_000, if udp { 90_000 } else { 2_500_000 });
        let (sent, received) = (vary(self.dice, bytes.0), vary(self.dice, bytes.1));
        self.traffic.conns.push(Conn {
            t,
            uid,
            host: self.address,
            port: own,
            remote: ip.into(),
            remote_port: port,
            udp,
            service,
            duration,
            sent,
            received,
            answered,
        });
    }

    /// Looks a name of the operator's up and calls what it leads to; when that is over.
    fn call_name(&mut self, t: Timestamp, name: &str, reach: Reach) -> Timestamp {
        let answer = match reach {
            Reach::Operator(ip) => Some((ip, 4_443, "", (320, 410))),
            Reach::Sinkhole => Some((COMPANY_SINKHOLE, 80, "http", (210, 120))),
            Reach::OtherSinkhole => Some((OTHER_SINKHOLE, 80, "http", (210, 95))),
            Reach::Nothing => None,
        };
        let t = self.look_up(t, name, answer.map(|a| a.0));
        if let Some((ip, port, service, bytes)) = answer {
            self.connect(t.plus_micros(2_000), ip, port, false, service, bytes, true);
        }
        t.plus_micros(self.dice.between(200_000, 900_000).cast_signed())
    }

    fn beacon(&mut self, t: Timestamp, ip: Ipv4Addr, port: u16, answered: bool) {
        self.connect(t, ip, port, false, "", (312, 404), answered);
    }

    /// Work hours, and at every hour the services that call home for honest reasons.
    fn ordinary(&mut self, n: u32) {
        // One in ten is a server and never sleeps. The clocks here are one hour ahead of UTC.
        let (on, off) = if n % 10 == 9 {
            (0, 86_400)
        } else {
            (7 * 3_600 + self.dice.below(5_400), 16 * 3_600 + self.dice.below(9_000))
        };
        for service in PERIODIC.iter().filter(|p| n.is_multiple_of(p.every)) {
            let mut second = on + self.dice.below(service.seconds);
            let mut known = false;
            while second < off {
                let mut t = self.instant(second);
                if !known {
                    t = self.look_up(t, service.name, Some(service.ip));
                    known = true;
                }
                self.connect(
                    t.plus_micros(900),
                    service.ip,
                    service.port,
                    service.udp,
                    service.service,
                    service.bytes,
                    true,
                );
                second += service.seconds + self.dice.below(6);
            }
        }
        let visits = self.dice.between(20, 50);
        for _ in 0..visits {
            let second = self.dice.between(on, off - 1);
            let t = self.instant(second);
            self.visit(t);
        }
    }

    /// A page of a site with what it loads from a content network; sometimes a name mistyped.
    fn visit(&mut self, t: Timestamp) {
        let n = self.dice.below(SITES.len() as u64);
        let site = Ipv4Addr::new(198, 51, 100, 100 + u8::try_from(n).unwrap_or(0));
        let name = at(&SITES, usize::try_from(n).unwrap_or(0));
        if self.dice.permille(15) {
            self.look_up(t.plus_micros(-8_000_000).max(self.day.start()), &format!("{name}e"), None);
        }
        let t = self.look_up(t, name, Some(site));
        let bytes = (self.dice.between(500, 4_000), self.dice.between(3_000, 90_000));
        self.connect(t.plus_micros(1_500), site, 443, false, "ssl", bytes, true);
        if self.dice.permille(600) {
            let n = u8::try_from(self.dice.below(u64::from(CDN_HOSTS))).unwrap_or(0);
            let t = self.look_up(
                t.plus_micros(40_000),
                &format!("cdn-{n:02}.skylark.example"),
                Some(Ipv4Addr::new(203, 0, 113, 100 + n)),
            );
            let bytes = (self.dice.between(400, 1_500), self.dice.between(9_000, 400_000));
            self.connect(
                t.plus_micros(1_100),
                Ipv4Addr::new(203, 0, 113, 100 + n),
                443,
                false,
                "ssl",
                bytes,
                true,
            );
        }
    }
}

/// Writes conn logs of each day and the dns log of one into `folder_name`.
pub(crate) fn write_logs(
    customer: &Customer<'_>,
    days: &[Day],
    dns_day: Day,
    folder: &Folder,
    folder_name: &'static str,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), ExerciseError> {
    for (i, &day) in days.iter().enumerate() {
        let traffic = customer.day(day);
        let mut stream = folder.stream(&format!("{folder_name}/conn.{day}.log.gz"), Packing::Gzip)?;
        stream.write(zeek_conn_header(day).as_bytes())?;
        let mut lines = Line::default();
        for conn in &traffic.conns {
            conn.tsv(&mut lines);
            if lines.0.len() > 1 << 16 {
                stream.write(&lines.0)?;
                lines.0.clear();
            }
        }
        lines.text(&zeek_close(day));
        stream.write(&lines.0)?;
        stream.finish()?;
        if day == dns_day {
            let mut stream = folder.stream(&format!("{folder_name}/dns.{day}.log"), Packing::Plain)?;
            for query in &traffic.queries {
                let mut line = Line::default();
                query.json(&mut line);
                stream.write(&line.0)?;
            }
            stream.finish()?;
        }
        progress(Progress { stage: folder_name, done: i as u64 + 1, total: days.len() as u64 });
    }
    Ok(())
}

/// The part of a day's traffic that one host had from `from` up to `to`.
pub(crate) fn of_host(traffic: Traffic, host: u32, from: Timestamp, to: Timestamp) -> Traffic {
    let within = |t: Timestamp, h: u32| h == host && from <= t && t < to;
    Traffic {
        conns: traffic.conns.into_iter().filter(|c| within(c.t, c.host)).collect(),
        queries: traffic.queries.into_iter().filter(|q| within(q.t, q.host)).collect(),
    }
}

/// The hours of the capture: 07:00 to 11:00 UTC.
pub(crate) fn capture_hours(day: Day) -> (Timestamp, Timestamp) {
    let hour = |h: i64| day.start().plus_micros(h * 3_600 * MICROS_PER_SECOND);
    (hour(7), hour(11))
}
