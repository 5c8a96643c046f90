//! What the system says of this machine and of this process. Only what Linux tells in `/proc` is known; elsewhere it is
//! left out. Reads; never runs a program.

use std::fs;

/// Resident memory of this process, in bytes.
pub(crate) fn resident_bytes() -> Option<u64> {
    kibibytes(&read("/proc/self/status")?, "VmRSS:")
}

/// The most memory that was ever resident, in bytes.
pub(crate) fn peak_resident_bytes() -> Option<u64> {
    kibibytes(&read("/proc/self/status")?, "VmHWM:")
}

/// All memory, and what new work could have of it, in bytes.
pub(crate) fn memory() -> Option<(u64, u64)> {
    let info = read("/proc/meminfo")?;
    Some((kibibytes(&info, "MemTotal:")?, kibibytes(&info, "MemAvailable:")?))
}

/// Over one, five and fifteen minutes.
pub(crate) fn load_average() -> Option<[f64; 3]> {
    let text = read("/proc/loadavg")?;
    let mut numbers = text.split_whitespace().map_while(|word| word.parse().ok());
    Some([numbers.next()?, numbers.next()?, numbers.next()?])
}

/// The processor's name.
pub(crate) fn cpu_model() -> Option<String> {
    value(&read("/proc/cpuinfo")?, "model name", ':')
}

/// The machine's name on the network.
pub(crate) fn hostname() -> String {
    let name = read("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".to_owned())
}

/// The kernel's version.
pub(crate) fn kernel_release() -> Option<String> {
    read("/proc/sys/kernel/osrelease").map(|text| text.trim().to_owned())
}

/// The system's name for people.
pub(crate) fn os_label() -> String {
    let named = read("/etc/os-release").and_then(|text| value(&text, "PRETTY_NAME", '='));
    named.unwrap_or_else(|| std::env::consts::OS.to_owned())
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// The value of the first line that begins with `key`, without quotes.
fn value(text: &str, key: &str, separator: char) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(key))?;
    let (_, value) = line.split_once(separator)?;
    Some(value.trim().trim_matches('"').to_owned()).filter(|value| !value.is_empty())
}

fn kibibytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let number: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(number * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_of_memory() {
        let resident = resident_bytes().unwrap();
        let peak = peak_resident_bytes().unwrap();
        // The kernel adds up only now and then what each thread has taken: the two may be some pages apart.
        assert!(resident > 1 << 20 && peak + (4 << 20) >= resident, "{peak} {resident}");
        let (total, free) = memory().unwrap();
        assert!(total >= free && free > 0);
        assert!(load_average().is_some_and(|load| load.iter().all(|number| *number >= 0.0)));
    }

    #[test]
    fn values_come_without_quotes() {
        let text = "ID=x\nPRETTY_NAME=\"A System 1\"\n";
        assert_eq!(value(text, "PRETTY_NAME", '=').as_deref(), Some("A System 1"));
        assert_eq!(value(text, "NAME", '='), None);
        assert_eq!(kibibytes("VmRSS:\t  12 kB\n", "VmRSS:"), Some(12 * 1024));
    }
}
