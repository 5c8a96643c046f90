//! `sandbox` of an agent or of all

use super::super::common::{ANY_NUMBER, COUNT, QUANTITY, SOME, TEXT_MAP, TEXTS};
use crate::shape::Shape::{self, Bool, Either, Map, Object, Positive, Secret, Text, Word};
use crate::shape::key;

pub(super) const SANDBOX: Shape = Object(&[
    key("mode", Word(&["off", "non-main", "all"])),
    key("backend", Text),
    key("workspaceAccess", Word(&["none", "ro", "rw"])),
    key("sessionToolsVisibility", Word(&["spawned", "all"])),
    key("scope", Word(&["session", "agent", "shared"])),
    key("workspaceRoot", Text),
    key("docker", DOCKER),
    key("ssh", SSH),
    key("browser", BROWSER),
    key("prune", Object(&[key("idleHours", COUNT), key("maxAgeDays", COUNT)])),
]);

const DOCKER: Shape = Object(&[
    key("image", Text),
    key("containerPrefix", Text),
    key("workdir", Text),
    key("readOnlyRoot", Bool),
    key("tmpfs", TEXTS),
    key("network", Text),
    key("user", Text),
    key("capDrop", TEXTS),
    key("env", TEXT_MAP),
    key("setupCommand", Either(&[Text, TEXTS])),
    key("pidsLimit", SOME),
    key("memory", QUANTITY),
    key("memorySwap", QUANTITY),
    key("cpus", Positive),
    key("gpus", Text),
    key("ulimits", Map(&Either(&[Text, ANY_NUMBER, Object(&[key("soft", COUNT), key("hard", COUNT)])]))),
    key("seccompProfile", Text),
    key("apparmorProfile", Text),
    key("dns", TEXTS),
    key("extraHosts", TEXTS),
    key("binds", TEXTS),
    key("dangerouslyAllowReservedContainerTargets", Bool),
    key("dangerouslyAllowExternalBindSources", Bool),
    key("dangerouslyAllowContainerNamespaceJoin", Bool),
]);

const SSH: Shape = Object(&[
    key("target", Text),
    key("command", Text),
    key("workspaceRoot", Text),
    key("strictHostKeyChecking", Bool),
    key("updateHostKeys", Bool),
    key("identityFile", Text),
    key("certificateFile", Text),
    key("knownHostsFile", Text),
    key("identityData", Secret),
    key("certificateData", Secret),
    key("knownHostsData", Secret),
]);

const BROWSER: Shape = Object(&[
    key("enabled", Bool),
    key("image", Text),
    key("containerPrefix", Text),
    key("network", Text),
    key("cdpPort", SOME),
    key("cdpSourceRange", Text),
    key("vncPort", SOME),
    key("noVncPort", SOME),
    key("headless", Bool),
    key("noVncEnabled", Bool),
    key("allowHostControl", Bool),
    key("autoStart", Bool),
    key("autoStartTimeoutMs", SOME),
    key("binds", TEXTS),
]);
