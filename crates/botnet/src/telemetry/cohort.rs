//! A cohort that is followed after an action: what each bot called before and after it, and where it was at home before.

use super::outcome::Names;
use super::{Calls, Columns, Telemetry, TelemetryError, Window, activity::day};
use std::sync::Arc;
use terms::{Day, Place};

/// One bot with an id of its own that was seen before an action.
#[derive(Debug, Clone, Copy)]
pub struct Followable<'a> {
    /// What it called, before and after.
    pub calls: Calls<'a>,
    /// The one country in which it was seen before; `Place::UNKNOWN` where it was seen in several or in none that is known.
    pub place: Place,
    /// The one network (autonomous system number) in which it was seen before; 0 for several, or one that is not known.
    pub network: u32,
}

/// Several places or networks give none.
#[derive(Debug, Clone, Copy, Default)]
enum One<T> {
    #[default]
    None,
    Same(T),
    Several,
}

impl<T: Copy + PartialEq> One<T> {
    fn add(&mut self, new: T) {
        *self = match *self {
            Self::None => Self::Same(new),
            Self::Same(known) if known == new => Self::Same(known),
            _ => Self::Several,
        };
    }
    fn or(self, otherwise: T) -> T {
        match self {
            Self::Same(known) => known,
            _ => otherwise,
        }
    }
}

#[derive(Debug, Default)]
struct Bot {
    id: String,
    label: Option<String>,
    seen: Vec<(Day, Arc<str>)>,
    place: One<Place>,
    network: One<u32>,
    before: bool,
}

impl Bot {
    fn hand_over(&mut self, take: &mut (dyn FnMut(&Followable<'_>) + Send)) {
        if self.before {
            // One pair can come several times, under other labels or from other networks.
            self.seen.dedup();
            take(&Followable {
                calls: Calls { botnet: self.label.as_deref(), seen: &self.seen },
                place: self.place.or(Place::UNKNOWN),
                network: self.network.or(0),
            });
        }
        *self = Self::default();
    }
}

impl Telemetry {
    /// Hands over every bot with an id of its own that was seen in `before`, with what was seen of it there and in `after`:
    /// memory holds one bot. Both windows lie in one month, because pseudonyms change with it, and `after` begins at or behind
    /// the end of `before`: that is for the caller to see to.
    ///
    /// # Errors
    /// When the tables cannot be read.
    pub async fn each_followed(
        &self,
        before: Window,
        after: Window,
        take: &mut (dyn FnMut(&Followable<'_>) + Send),
    ) -> Result<(), TelemetryError> {
        const NAME: &str = "cohort.each";
        let day = day("event");
        let (then, now) = (before.sql("event"), after.sql("event"));
        let sql = format!(
            "SELECT DISTINCT bot, {day} AS day, channel, botnet, network, place FROM sightings
             WHERE bot <> source AND (({then}) OR ({now})) ORDER BY bot, day, channel, botnet, network, place"
        );
        let turn = after.from.day();
        let mut names = Names::default();
        let mut bot = Bot::default();
        self.each(NAME, &sql, &mut |batch| {
            let c = Columns { name: NAME, batch };
            for i in 0..batch.num_rows() {
                let (who, key) = (c.text(0, i)?, c.text(2, i)?);
                if who != bot.id {
                    bot.hand_over(take);
                    who.clone_into(&mut bot.id);
                }
                if let Some(text) = c.maybe(3, i)? {
                    bot.label = Some(text.to_owned());
                }
                let name = names.of(key);
                let on = Day(i32::try_from(c.int(1, i)?).unwrap_or(i32::MAX));
                if on < turn {
                    bot.before = true;
                    bot.network.add(u32::try_from(c.int(4, i)?).unwrap_or(0));
                    bot.place.add(c.text(5, i)?.parse().unwrap_or(Place::UNKNOWN));
                }
                bot.seen.push((on, name));
            }
            Ok(())
        })
        .await?;
        bot.hand_over(take);
        Ok(())
    }
}
