//! Series in a CSV file.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use chrono::NaiveDate;
use forecast::Series;
use serde::Deserialize;

/// The most rows of a file: two years of a thousand series, with some to spare.
const MAX_ROWS: usize = 1_000_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    series: Option<String>,
    day: NaiveDate,
    units: Option<f64>,
}

/// What one series has so far.
#[derive(Default)]
struct Days {
    sold: Vec<(NaiveDate, f64)>,
    silent: Vec<NaiveDate>,
}

/// All series of a file, by name; one without a name is called as the file.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<(String, Series)>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path)?;
    let file = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let mut series: BTreeMap<String, Days> = BTreeMap::new();
    for (number, row) in reader.deserialize::<Row>().enumerate() {
        ensure!(number < MAX_ROWS, "it has more than {MAX_ROWS} rows");
        let row = row.context("a row has a day (2026-01-31), units (or none) and, if need be, a series")?;
        let days = series.entry(row.series.unwrap_or_else(|| file.clone())).or_default();
        match row.units {
            Some(units) if !units.is_finite() || units < 0.0 => {
                bail!("row {}: {units} units cannot be sold", number + 1);
            }
            Some(units) => days.sold.push((row.day, units)),
            None => days.silent.push(row.day),
        }
    }
    ensure!(!series.is_empty(), "it has no rows");
    Ok(series.into_iter().filter_map(|(name, days)| Some((name, days.series()?))).collect())
}

impl Days {
    fn series(self) -> Option<Series> {
        let all = || self.sold.iter().map(|(day, _)| *day).chain(self.silent.iter().copied());
        let (first, last) = (all().min()?, all().max()?);
        Some(Series::counted(first, last, self.sold.iter().copied()).without(self.silent))
    }
}
