//! The clock and the text of times where the database is a file.

use chrono::{SecondsFormat, SubsecRound, Utc};
use domain::Timestamp;

/// Now, to the microsecond, as PostgreSQL would tell it.
pub(crate) fn now() -> Timestamp {
    Utc::now().trunc_subsecs(6)
}

/// Always with six digits, so that the order of texts is the order of times.
pub(crate) fn text(time: Timestamp) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, false)
}
