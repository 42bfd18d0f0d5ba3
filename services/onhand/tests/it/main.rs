//! The system from outside: processes that are started, asked, killed and started again.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::disallowed_methods, reason = "tests start processes and consumers themselves")]

mod command_line;
mod crash;
mod dashboards;
mod ears;
mod files;
mod forecasts;
mod main_loop;
mod outage;
mod promql;
mod restocking;
mod system;
mod traces;
