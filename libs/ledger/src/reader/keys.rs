//! Whether a request was answered before.

use sea_orm::{ConnectionTrait, Statement};

use super::{ReadError, Reader};
use crate::request::By;

impl Reader {
    /// Whether a request of this caller under this key has its answer.
    pub async fn has_answered(&self, by: &By, key: &str) -> Result<bool, ReadError> {
        let sql = "SELECT 1 AS one FROM idempotency_keys WHERE scope = $1 AND key = $2";
        let values = [by.scope().into(), key.into()];
        let statement = Statement::from_sql_and_values(self.db.get_database_backend(), sql, values);
        Ok(self.db.query_one_raw(statement).await?.is_some())
    }
}
