//! Use that this process makes of the machine, as the operating system counts it.

use crate::status::ProcessUse;

/// Processor time, memory and open files until now. `None`: they cannot be read.
#[cfg(target_os = "linux")]
pub(super) fn used() -> Option<ProcessUse> {
    use procfs::process::{LimitValue, Process};
    let process = Process::myself().ok()?;
    let stat = process.stat().ok()?;
    let ticks = (stat.utime + stat.stime) as f64;
    let max_fds = match process.limits().ok()?.max_open_files.soft_limit {
        LimitValue::Value(most) => Some(most),
        LimitValue::Unlimited => None,
    };
    Some(ProcessUse {
        cpu_seconds: ticks / procfs::ticks_per_second() as f64,
        open_fds: u64::try_from(process.fd_count().ok()?).ok()?,
        max_fds,
        resident_bytes: stat.rss * procfs::page_size(),
        virtual_bytes: stat.vsize,
    })
}

/// `None`: only Linux is asked.
#[cfg(not(target_os = "linux"))]
pub(super) fn used() -> Option<ProcessUse> {
    None
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::fs::{self, File};
    use std::time::{Duration, Instant};

    /// A line's number in `/proc/self/status`, in bytes.
    fn told(name: &str) -> u64 {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        let number = line.split_whitespace().nth(1).unwrap();
        number.parse::<u64>().unwrap() * 1024
    }

    #[test]
    fn what_is_used_is_what_the_system_says() {
        let before = used().unwrap();
        let files: Vec<File> = (0..200).map(|_| File::open("/dev/null").unwrap()).collect();
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(60) {
            std::hint::spin_loop();
        }
        let now = used().unwrap();
        // Other tests open and close files meanwhile.
        assert!(now.open_fds > before.open_fds + 100, "{before:?} {now:?}");
        assert!(now.cpu_seconds > before.cpu_seconds, "{before:?} {now:?}");
        assert!(now.max_fds.is_none_or(|most| most >= now.open_fds), "{now:?}");
        let near = |ours: u64, theirs: u64| ours.abs_diff(theirs) < theirs / 2;
        assert!(near(now.resident_bytes, told("VmRSS:")), "{now:?}");
        assert!(near(now.virtual_bytes, told("VmSize:")), "{now:?}");
        drop(files);
    }
}
