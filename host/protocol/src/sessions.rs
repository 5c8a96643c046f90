//! `sessions.*`: the list of conversations, what people decide about them, and their upkeep.

mod change;
mod cleanup;
mod list;
mod read;

pub use change::{
    SessionAborted, SessionChanged, SessionCompacted, SessionCreated, SessionDeleted, SessionEntry,
    SessionSize, SessionsAbortParams, SessionsCompactParams, SessionsCreateParams, SessionsDeleteParams,
    SessionsPatchParams, SessionsResetParams, SessionsSendParams, SessionsSteerParams,
};
pub use cleanup::{CleanupAction, SessionsCleaned, SessionsCleanupParams, StoreCleaned};
pub use list::{SessionDefaults, SessionRow, SessionsList, SessionsListParams};
pub use read::{
    Preview, PreviewItem, SessionDescription, SessionHit, SessionMessages, SessionResolved,
    SessionsDescribeParams, SessionsFound, SessionsGetParams, SessionsMessagesSubscribeParams,
    SessionsMessagesUnsubscribeParams, SessionsPreview, SessionsPreviewParams, SessionsResolveParams,
    SessionsSearchParams, SessionsSubscribeParams, SessionsUsageLogsParams, SessionsUsageParams,
    SessionsUsageTimeseriesParams, Subscribed,
};
