use std::collections::BTreeMap;
use std::fmt;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::Interval;

/// The table of this version.
const TABLE: &str = include_str!("../../prices.toml");

/// What is sold and used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// Seconds of Code Engine's vCPUs.
    VcpuSecond,
    /// Seconds of Code Engine's memory, in GB.
    GbSecond,
    /// HTTP calls from outside of the project.
    HttpCall,
    /// Requests of Object Storage: PUT, COPY, POST, LIST.
    ClassA,
    /// Requests of Object Storage: GET, HEAD.
    ClassB,
    /// GB read from Object Storage by a public endpoint.
    EgressGb,
    /// Hours of a virtual machine.
    VmHour,
}

impl Item {
    /// All, in the order of reports.
    pub const ALL: [Self; 7] = [
        Self::VcpuSecond,
        Self::GbSecond,
        Self::HttpCall,
        Self::ClassA,
        Self::ClassB,
        Self::EgressGb,
        Self::VmHour,
    ];

    /// What it is called in reports, with its unit.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::VcpuSecond => "vCPU-seconds",
            Self::GbSecond => "GB-seconds",
            Self::HttpCall => "HTTP calls",
            Self::ClassA => "Class A requests",
            Self::ClassB => "Class B requests",
            Self::EgressGb => "GB of egress",
            Self::VmHour => "VM hours",
        }
    }
}

/// A price table: what each [`Item`] costs, with what nobody pays for, and what is not in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Prices {
    rows: BTreeMap<Item, Price>,
    free: BTreeMap<Item, FreeTier>,
    not_counted: Vec<NotCounted>,
}

/// One price.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Of what.
    pub item: Item,
    /// In USD, of [`per`](Self::per) units. An unknown one is any, from 0.
    #[serde(deserialize_with = "price")]
    pub price: Interval,
    /// Of so many units.
    pub per: u64,
    /// What one unit is.
    pub unit: String,
    /// Where.
    pub region: String,
    /// `USD`.
    pub currency: Currency,
    /// When its source was written.
    pub date: NaiveDate,
    /// Who says so.
    pub source: String,
}

/// What prices are in: sums of several currencies would be none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Currency {
    /// US dollars.
    #[serde(rename = "USD")]
    Usd,
}

/// What an account gets for nothing.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FreeTier {
    /// Of what.
    pub item: Item,
    /// So many units in a month.
    pub units_a_month: f64,
    /// When its source was written.
    pub date: NaiveDate,
    /// Who says so.
    pub source: String,
}

/// What bears on a bill, and is in no sum.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotCounted {
    /// What.
    pub what: String,
    /// Who says so.
    pub source: String,
}

/// Why a text is no price table.
#[derive(Debug, thiserror::Error)]
pub enum PricesError {
    /// It is not written as one.
    #[error("it is no price table")]
    Format(#[from] toml::de::Error),
    /// An item has no price, which would be taken for none.
    #[error("it has no row of {0:?}: where the price is not known, it is \"unknown\"")]
    Missing(Item),
    /// An item has several.
    #[error("it has several rows of {0:?}")]
    Twice(Item),
    /// No unit.
    #[error("its row of {0:?} is of 0 units")]
    NoUnit(Item),
}

/// The file, as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    prices: Vec<Price>,
    #[serde(default)]
    free: Vec<FreeTier>,
    #[serde(default)]
    not_counted: Vec<NotCounted>,
}

impl Default for Prices {
    fn default() -> Self {
        Self::of_this_version()
    }
}

impl Prices {
    /// The table of this version: `backfill/prices.toml`.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a constant, which a test reads")]
    pub fn of_this_version() -> Self {
        Self::parse(TABLE).expect("a price table")
    }

    /// Reads a table: TOML as in `backfill/prices.toml`.
    ///
    /// # Errors
    /// [`PricesError`].
    pub fn parse(text: &str) -> Result<Self, PricesError> {
        let table: Table = toml::from_str(text)?;
        let mut rows = BTreeMap::new();
        for row in table.prices {
            let item = row.item;
            if row.per == 0 {
                return Err(PricesError::NoUnit(item));
            }
            if rows.insert(item, row).is_some() {
                return Err(PricesError::Twice(item));
            }
        }
        if let Some(missing) = Item::ALL.into_iter().find(|item| !rows.contains_key(item)) {
            return Err(PricesError::Missing(missing));
        }
        let free = table.free.into_iter().map(|free| (free.item, free));
        Ok(Self {
            rows,
            free: free.collect(),
            not_counted: table.not_counted,
        })
    }

    /// What one unit of `item` costs, in USD.
    #[must_use]
    pub fn of(&self, item: Item) -> Interval {
        let row = self.rows.get(&item);
        row.map_or(Interval::at_least(0.0), |row| {
            row.price.over(Interval::exactly(super::float(row.per)))
        })
    }

    /// How much of `item` an account has for nothing in a month.
    #[must_use]
    pub fn free(&self, item: Item) -> f64 {
        self.free.get(&item).map_or(0.0, |free| free.units_a_month)
    }

    /// What an account gets for nothing.
    pub fn free_tier(&self) -> impl Iterator<Item = &FreeTier> {
        self.free.values()
    }

    /// All rows, in the order of [`Item::ALL`].
    pub fn rows(&self) -> impl Iterator<Item = &Price> {
        self.rows.values()
    }

    /// What is in no sum.
    #[must_use]
    pub fn not_counted(&self) -> &[NotCounted] {
        &self.not_counted
    }

    /// The dates of its oldest and its newest row.
    #[must_use]
    pub fn dates(&self) -> (NaiveDate, NaiveDate) {
        let dates = || self.rows().map(|row| row.date);
        (
            dates().min().unwrap_or_default(),
            dates().max().unwrap_or_default(),
        )
    }
}

/// A number, two, or `"unknown"`; none below 0.
fn price<'de, D: serde::Deserializer<'de>>(source: D) -> Result<Interval, D::Error> {
    struct Visitor;

    impl<'de> serde::de::Visitor<'de> for Visitor {
        type Value = Interval;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number from 0, [least, most], or \"unknown\"")
        }

        fn visit_f64<E: serde::de::Error>(self, price: f64) -> Result<Interval, E> {
            interval(price, price)
        }

        fn visit_i64<E: serde::de::Error>(self, price: i64) -> Result<Interval, E> {
            let whole = u32::try_from(price).map_err(|_| E::custom("is below 0, or too much"))?;
            self.visit_f64(whole.into())
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Interval, E> {
            match text {
                "unknown" => Ok(Interval::at_least(0.0)),
                _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
            }
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Interval, A::Error> {
            use serde::de::Error;
            let short = |n| A::Error::invalid_length(n, &Visitor);
            let least = seq.next_element()?.ok_or_else(|| short(0))?;
            let most = seq.next_element()?.ok_or_else(|| short(1))?;
            match seq.next_element::<f64>()? {
                None => interval(least, most),
                Some(_) => Err(short(3)),
            }
        }
    }

    fn interval<E: serde::de::Error>(least: f64, most: f64) -> Result<Interval, E> {
        if least >= 0.0 && least <= most && most.is_finite() {
            Ok(Interval::between(least, most))
        } else {
            Err(E::custom("is below 0, or its least is more than its most"))
        }
    }

    source.deserialize_any(Visitor)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_this_version_is_one_and_every_row_says_where_it_is_from() {
        let prices = Prices::of_this_version();
        assert_eq!(prices.rows().count(), Item::ALL.len());
        for row in prices.rows() {
            let texts = [&row.unit, &row.region, &row.source];
            assert!(texts.iter().all(|text| !text.is_empty()), "{row:?}");
        }
        assert_eq!(prices.of(Item::ClassA), Interval::exactly(0.0052 / 1000.0));
        assert_eq!(prices.of(Item::VmHour), Interval::between(0.099, 0.109));
        assert!((prices.free(Item::HttpCall) - 100_000.0).abs() < 1e-9);
        let (oldest, newest) = prices.dates();
        assert!(oldest < newest);
        assert!(!prices.not_counted().is_empty());
    }

    #[test]
    fn what_is_no_price_is_refused_by_name() {
        let with = |from: &str, to: &str| {
            assert!(TABLE.contains(from), "{from}");
            let changed = Prices::parse(&TABLE.replacen(from, to, 1));
            changed.map_err(|error| match error {
                PricesError::Format(cause) => cause.to_string(),
                error => error.to_string(),
            })
        };
        let unknown = with("price = 0.538", "price = \"unknown\"").unwrap();
        assert_eq!(unknown.of(Item::HttpCall), Interval::at_least(0.0));
        let whole = with("price = 0.538", "price = 1").unwrap();
        assert_eq!(whole.of(Item::HttpCall), Interval::exactly(1e-6));
        for (from, to, why) in [
            ("price = 0.538", "price = -1", "below 0"),
            ("price = 0.538", "price = nan", "below 0"),
            ("price = 0.538", "price = \"free\"", "unknown"),
            ("price = [0.05, 0.09]", "price = [0.09, 0.05]", "least"),
            ("price = [0.05, 0.09]", "price = [0.09]", "length"),
            ("per = 1_000\n", "per = 0\n", "0 units"),
            ("\"USD\"", "\"EUR\"", "EUR"),
            (
                "item = \"class_a\"",
                "item = \"class_b\"",
                "several rows of ClassB",
            ),
            ("date = \"2025-07-08\"", "date = \"yesterday\"", "yesterday"),
            ("unit = \"hour", "unite = \"hour", "unite"),
        ] {
            let error = with(from, to).unwrap_err();
            assert!(error.contains(why), "{to}: {error}");
        }
        let without = TABLE
            .split("[[prices]]\nitem = \"vm_hour\"")
            .next()
            .unwrap();
        let error = Prices::parse(without).unwrap_err().to_string();
        assert!(error.contains("no row of VmHour"), "{error}");
    }
}
