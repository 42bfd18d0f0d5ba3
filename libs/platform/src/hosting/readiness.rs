//! Readiness: whether what the services need is there, and the process is not about to stop.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Check;

/// A dependency that takes longer to say that it is well is not.
const CHECK_LIMIT: Duration = Duration::from_secs(2);

/// The question, for whoever is asked it. Cheap to clone.
#[derive(Clone)]
pub(super) struct Readiness {
    /// By service and name: `stock-updater/database`.
    checks: Arc<Vec<(String, Check)>>,
    pub(super) stop: CancellationToken,
}

/// The answer.
pub(super) struct Answer {
    /// Whether to send requests here.
    pub(super) well: bool,
    /// Each check, and whether it is well.
    pub(super) checks: Vec<(String, bool)>,
}

impl Readiness {
    pub(super) fn new(checks: Vec<(String, Check)>, stop: CancellationToken) -> Self {
        Self { checks: Arc::new(checks), stop }
    }

    /// Asks all dependencies at once. Says what is not well; why is in the log.
    pub(super) async fn ask(&self) -> Answer {
        let asked = self.checks.iter().map(async |(name, check)| {
            let answer = match tokio::time::timeout(CHECK_LIMIT, (check.ask)()).await {
                Ok(answer) => answer,
                Err(_) => Err(format!("no answer within {CHECK_LIMIT:?}")),
            };
            if let Err(reason) = &answer {
                tracing::warn!(check = name, reason, "not ready");
            }
            (name.clone(), answer.is_ok())
        });
        let checks = futures::future::join_all(asked).await;
        let well = checks.iter().all(|(_, well)| *well) && !self.stop.is_cancelled();
        Answer { well, checks }
    }
}
