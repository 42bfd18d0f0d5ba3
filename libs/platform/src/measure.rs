//! The metrics of this crate: of requests, calls, the cache and the process. What a bad value means is in
//! `docs/OPERATIONS.md`. Requests and calls are timed where they pass, in `hosting`.

use std::fmt::Write as _;
use std::fs;

use metrics::{Counter, Unit, describe_counter, describe_gauge, describe_histogram};

/// Linux counts a process's time in hundredths of a second, on every machine that we know of.
const TICKS_PER_SECOND: f64 = 100.0;
/// Where the times and the memory of a process begin among the fields of `/proc/self/stat` after its name.
const STAT_USER_TIME: usize = 11;
const STAT_SYSTEM_TIME: usize = 12;

/// Says what each metric is.
pub(crate) fn describe() {
    describe_gauge!("target_info", "Which version this process is of.");
    describe_histogram!(
        "http_server_request_duration_seconds",
        Unit::Seconds,
        "Requests, by route and status."
    );
    describe_histogram!("rpc_server_duration_seconds", Unit::Seconds, "gRPC calls, by method and status.");
    describe_gauge!("http_server_active_requests", "Requests and gRPC calls that are being worked on.");
    describe_gauge!("http_server_active_requests_limit", "How many may be; more are told to come back.");
    describe_counter!("cache_lookups_total", "Lookups in a layer of the cache, by what was found.");
    describe_counter!("telemetry_spans_total", "Spans of traces, by what became of them.");
    metrics::gauge!("target_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

/// What is being worked on, of so many at most.
#[expect(clippy::cast_precision_loss, reason = "a gauge of 2^53 requests may be off by one")]
pub(crate) fn active(requests: usize, limit: usize) {
    metrics::gauge!("http_server_active_requests").set(requests as f64);
    metrics::gauge!("http_server_active_requests_limit").set(limit as f64);
}

/// Counts lookups in one layer of a cache. Made once, for it is used at every read.
pub(crate) struct Lookups {
    hit: Counter,
    miss: Counter,
    error: Counter,
}

impl Lookups {
    /// Of the layer `process` or `shared`.
    pub(crate) fn of(layer: &'static str) -> Lookups {
        let counter = |outcome: &'static str| {
            let counter = metrics::counter!("cache_lookups_total", "layer" => layer, "outcome" => outcome);
            counter.increment(0);
            counter
        };
        Lookups { hit: counter("hit"), miss: counter("miss"), error: counter("error") }
    }

    /// Counts one: `Ok(true)` found a value, `Ok(false)` nothing or a tombstone.
    pub(crate) fn count(&self, found: Result<bool, ()>) {
        match found {
            Ok(true) => self.hit.increment(1),
            Ok(false) => self.miss.increment(1),
            Err(()) => self.error.increment(1),
        }
    }
}

/// What the operating system says of this process, under the names that every client of Prometheus uses. Nothing of
/// it where there is no `/proc`.
pub(crate) fn process() -> String {
    let mut text = String::new();
    let mut tell = |head: &str, name: &str, value: Option<f64>| {
        if let Some(value) = value {
            // Writing to a text cannot fail.
            _ = writeln!(text, "{head}\n{name} {value}");
        }
    };
    let head =
        "# HELP process_cpu_seconds_total Time on a processor.\n# TYPE process_cpu_seconds_total counter";
    tell(head, "process_cpu_seconds_total", processor_seconds());
    let head =
        "# HELP process_resident_memory_bytes Memory in use.\n# TYPE process_resident_memory_bytes gauge";
    tell(head, "process_resident_memory_bytes", resident_bytes());
    let head = "# HELP process_open_fds Open files and sockets.\n# TYPE process_open_fds gauge";
    tell(head, "process_open_fds", open_files());
    let head = "# HELP process_max_fds How many may be open.\n# TYPE process_max_fds gauge";
    tell(head, "process_max_fds", files_limit());
    text
}

fn processor_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in brackets, may have spaces.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field)?.parse::<f64>().ok();
    Some((ticks(STAT_USER_TIME)? + ticks(STAT_SYSTEM_TIME)?) / TICKS_PER_SECOND)
}

fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: f64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024.0)
}

#[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 files open")]
fn open_files() -> Option<f64> {
    Some(fs::read_dir("/proc/self/fd").ok()?.count() as f64)
}

fn files_limit() -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::process;

    #[test]
    fn the_process_is_told_of_in_the_format_of_prometheus() {
        let text = process();
        for name in [
            "process_cpu_seconds_total",
            "process_resident_memory_bytes",
            "process_open_fds",
            "process_max_fds",
        ] {
            let value = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
            assert!(value.parse::<f64>().is_ok_and(|value| value >= 0.0), "{name}: {text}");
            assert!(text.contains(&format!("# TYPE {name} ")), "{text}");
        }
    }
}
