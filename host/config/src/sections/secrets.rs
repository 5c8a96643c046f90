//! `env`, `secrets` and `auth`

use super::common::{COUNT, OPEN, TEXT_MAP, TEXTS};
use crate::shape::Shape::{self, Bool, Int, Map, Object, Tagged, Text, Word};
use crate::shape::{Field, key, required, unused};

pub(super) const ENV: Shape = Object(&[
    key("vars", TEXT_MAP).about("Variables below those of the real environment, which win."),
    key(
        "shellEnv",
        Object(&[
            key("enabled", Bool).about("Whether the login shell is asked. Default: false."),
            key("timeoutMs", COUNT).about("How long it may take, in milliseconds. Default: 15000."),
        ]),
    )
    .about("Asks the login shell for variables that are missing."),
]);

pub(super) const SECRETS: Shape = Object(&[
    key("providers", Map(&PROVIDER)).about("By name: where a reference with this provider is resolved."),
    key(
        "defaults",
        Object(&[
            key("env", Text).about("For references of source env."),
            key("file", Text).about("For references of source file."),
            key("exec", Text).about("For references of source exec."),
            key("store", Text).about("For references of source store."),
        ]),
    )
    .about("The provider's name where a reference says \"default\"."),
    unused(
        "egressProxy",
        Object(&[key("enabled", Bool), key("allowedHosts", TEXTS), key("bypassHosts", TEXTS)]),
    ),
]);

const PROVIDER: Shape = Tagged(
    "source",
    &[
        &[
            required("source", Word(&["env"])),
            key("allowlist", TEXTS).about("Only these variables may be read."),
        ],
        &[
            required("source", Word(&["file"])),
            required("path", Text).about("The file."),
            key("mode", Word(&["singleValue", "json"]))
                .about("Whether the file is one secret or JSON with many."),
            key("timeoutMs", TIMEOUT).about("How long reading may take, in milliseconds."),
            key("maxBytes", SIZE).about("The largest file that is read, in bytes."),
        ],
        EXEC,
        &[required("source", Word(&["store"]))],
    ],
);

/// A program, or a plugin's program: which one, is judged when it is asked.
const EXEC: &[Field] = &[
    required("source", Word(&["exec"])),
    key("command", Text).about("The program, as an absolute path."),
    key("args", TEXTS).about("Its arguments."),
    key("timeoutMs", TIMEOUT).about("How long it may run, in milliseconds."),
    key("noOutputTimeoutMs", TIMEOUT).about("How long it may be silent, in milliseconds."),
    key("maxOutputBytes", SIZE).about("The most that it may print, in bytes."),
    key("jsonOnly", Bool).about("Refuses an answer that is not JSON."),
    key("env", TEXT_MAP).about("Further environment variables for it."),
    key("passEnv", TEXTS).about("Variables of the gateway that it may see."),
    key("trustedDirs", TEXTS).about("Directories that the program may lie in."),
    key("allowInsecurePath", Bool).about("The program may be one that others can write."),
    key("allowSymlinkCommand", Bool).about("The program may be reached by a link."),
    unused("pluginIntegration", Object(&[required("pluginId", Text), required("integrationId", Text)])),
];

const TIMEOUT: Shape = Int(1, 120_000);
const SIZE: Shape = Int(1, 20 * 1024 * 1024);

pub(super) const AUTH: Shape = Object(&[
    key(
        "profiles",
        Map(&Object(&[
            required("provider", Text),
            required("mode", Word(&["api_key", "aws-sdk", "oauth", "token"])),
            key("email", Text),
            key("displayName", Text),
        ])),
    ),
    key("order", Map(&TEXTS)),
    // An older key.
    key("cooldowns", OPEN),
]);
