//! Owns the small steps between columns and values. Knows no table.

use rusqlite::types::Type;
use rusqlite::{Error, Result, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{AccountKey, StoreError};

/// Reads a JSON column.
pub(crate) fn json<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| bad(row, column, error))
}

/// Reads a JSON column that may be NULL.
pub(crate) fn json_option<T: DeserializeOwned>(row: &Row<'_>, column: &str) -> Result<Option<T>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| serde_json::from_str(&text)).transpose().map_err(|error| bad(row, column, error))
}

/// A column whose text means nothing to us.
pub(crate) fn bad(
    row: &Row<'_>,
    column: &str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> Error {
    let index = row.as_ref().column_index(column).unwrap_or(usize::MAX);
    Error::FromSqlConversionFailure(index, Type::Text, Box::new(error))
}

/// Reads the columns `channel` and `account`.
pub(crate) fn account(row: &Row<'_>) -> Result<AccountKey> {
    Ok(AccountKey { channel: row.get("channel")?, account: row.get("account")? })
}

/// Writes a value as JSON text.
pub(crate) fn text<T: Serialize>(value: &T) -> std::result::Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Internal(std::sync::Arc::new(error)))
}
