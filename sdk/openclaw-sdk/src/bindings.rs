//! The generated bindings. Owns nothing else; authors use the modules that re-export them.
#![allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::all,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    clippy::str_to_string,
    reason = "generated from wit/, where the items are documented"
)]

/// World `channel-plugin`.
#[cfg(feature = "channel")]
pub mod channel {
    wit_bindgen::generate!({
        path: "../../wit/0.2.0",
        world: "channel-plugin",
        runtime_path: "openclaw_sdk::wit_bindgen::rt",
        default_bindings_module: "openclaw_sdk::bindings::channel",
        export_macro_name: "export_channel_world",
        pub_export_macro: true,
        additional_derives: [PartialEq],
        additional_derives_ignore: ["response", "content"],
    });
}

/// World `with-typing`, on the same types.
#[cfg(feature = "channel")]
pub mod typing {
    wit_bindgen::generate!({
        path: "../../wit/0.2.0",
        world: "with-typing",
        runtime_path: "openclaw_sdk::wit_bindgen::rt",
        default_bindings_module: "openclaw_sdk::bindings::typing",
        export_macro_name: "export_typing_world",
        pub_export_macro: true,
        with: { "openclaw:plugin/types@0.2.0": openclaw_sdk::bindings::channel::openclaw::plugin::types },
    });
}

/// World `with-send-media`, on the same types.
#[cfg(feature = "channel")]
pub mod send_media {
    wit_bindgen::generate!({
        path: "../../wit/0.2.0",
        world: "with-send-media",
        runtime_path: "openclaw_sdk::wit_bindgen::rt",
        default_bindings_module: "openclaw_sdk::bindings::send_media",
        export_macro_name: "export_send_media_world",
        pub_export_macro: true,
        with: { "openclaw:plugin/types@0.2.0": openclaw_sdk::bindings::channel::openclaw::plugin::types },
    });
}

/// World `with-edit`, on the same types.
#[cfg(feature = "channel")]
pub mod edit {
    wit_bindgen::generate!({
        path: "../../wit/0.2.0",
        world: "with-edit",
        runtime_path: "openclaw_sdk::wit_bindgen::rt",
        default_bindings_module: "openclaw_sdk::bindings::edit",
        export_macro_name: "export_edit_world",
        pub_export_macro: true,
        with: { "openclaw:plugin/types@0.2.0": openclaw_sdk::bindings::channel::openclaw::plugin::types },
    });
}

/// World `with-react`, on the same types.
#[cfg(feature = "channel")]
pub mod react {
    wit_bindgen::generate!({
        path: "../../wit/0.2.0",
        world: "with-react",
        runtime_path: "openclaw_sdk::wit_bindgen::rt",
        default_bindings_module: "openclaw_sdk::bindings::react",
        export_macro_name: "export_react_world",
        pub_export_macro: true,
        with: { "openclaw:plugin/types@0.2.0": openclaw_sdk::bindings::channel::openclaw::plugin::types },
    });
}

/// World `with-webhook`.
#[cfg(feature = "channel")]
pub mod webhook {
    wit_bindgen::generate!({
        path: "../../wit/0.2.0",
        world: "with-webhook",
        runtime_path: "openclaw_sdk::wit_bindgen::rt",
        default_bindings_module: "openclaw_sdk::bindings::webhook",
        export_macro_name: "export_webhook_world",
        pub_export_macro: true,
        additional_derives: [PartialEq],
    });
}

/// World `provider-plugin`.
#[cfg(feature = "provider")]
pub mod provider {
    wit_bindgen::generate!({
        path: "../../wit/0.2.0",
        world: "provider-plugin",
        runtime_path: "openclaw_sdk::wit_bindgen::rt",
        default_bindings_module: "openclaw_sdk::bindings::provider",
        export_macro_name: "export_provider_world",
        pub_export_macro: true,
        additional_derives: [PartialEq],
    });
}

/// World `with-embeddings`.
#[cfg(feature = "provider")]
pub mod embeddings {
    wit_bindgen::generate!({
        path: "../../wit/0.2.0",
        world: "with-embeddings",
        runtime_path: "openclaw_sdk::wit_bindgen::rt",
        default_bindings_module: "openclaw_sdk::bindings::embeddings",
        export_macro_name: "export_embeddings_world",
        pub_export_macro: true,
        additional_derives: [PartialEq],
    });
}
