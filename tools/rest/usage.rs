//! Usage: the processor time that the kernel has counted for a process, and for each thread of it.

use std::fs;
use std::path::Path;

/// What a process has used since it began.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Usage {
    /// In the kernel and outside.
    pub(super) cpu_millis: u64,
    pub(super) threads: Vec<Thread>,
}

/// What a thread has used since it began.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Thread {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) cpu_millis: u64,
    /// How often it has lain down to wait, which is how often it was woken.
    pub(super) waits: u64,
    /// How often another took its core.
    pub(super) preemptions: u64,
}

impl Usage {
    /// Of a process of this user, now.
    pub(super) fn of(process: u32) -> Result<Self, String> {
        let folder = format!("/proc/{process}");
        let read = |path: &Path| {
            fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
        };
        let odd = || format!("{folder}/stat is not as it should be");
        let (_, cpu_millis) =
            parse_stat(&read(&Path::new(&folder).join("stat"))?).ok_or_else(odd)?;
        let tasks = fs::read_dir(format!("{folder}/task"))
            .map_err(|error| format!("{folder}/task: {error}"))?;
        let mut threads = Vec::new();
        for task in tasks.filter_map(Result::ok) {
            let path = task.path();
            let id = task.file_name().to_str().and_then(|id| id.parse().ok());
            let (name, cpu_millis) = parse_stat(&read(&path.join("stat"))?).ok_or_else(odd)?;
            let status = read(&path.join("status"))?;
            threads.push(Thread {
                id: id.ok_or_else(odd)?,
                name,
                cpu_millis,
                waits: field(&status, "voluntary_ctxt_switches:").ok_or_else(odd)?,
                preemptions: field(&status, "nonvoluntary_ctxt_switches:").ok_or_else(odd)?,
            });
        }
        threads.sort_by_key(|thread| thread.id);
        Ok(Self {
            cpu_millis,
            threads,
        })
    }

    /// What was used since `before`.
    pub(super) fn since(&self, before: &Self) -> Self {
        let threads = self.threads.iter().map(|now| {
            let then = before.threads.iter().find(|then| then.id == now.id);
            let then = then.cloned().unwrap_or_default();
            Thread {
                id: now.id,
                name: now.name.clone(),
                cpu_millis: now.cpu_millis.saturating_sub(then.cpu_millis),
                waits: now.waits.saturating_sub(then.waits),
                preemptions: now.preemptions.saturating_sub(then.preemptions),
            }
        });
        Self {
            threads: threads.collect(),
            cpu_millis: self.cpu_millis.saturating_sub(before.cpu_millis),
        }
    }
}

/// The name and the processor time in a line of `/proc/PID/stat`.
fn parse_stat(line: &str) -> Option<(String, u64)> {
    // A name may hold anything, also brackets.
    let (name, rest) = line.split_once('(')?.1.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let user: u64 = fields.nth(UTIME)?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((name.to_owned(), (user + system) * TICK_MILLIS))
}

/// The number behind a name in `/proc/PID/status`.
fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().parse().ok()
}

/// The place of `utime` behind the name; `stime` follows it.
const UTIME: usize = 11;
/// The kernel tells processes a hundred ticks a second on this kind of machine, whatever it counts
/// in itself.
const TICK_MILLIS: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_kernel_is_read_whatever_the_thread_is_called() {
        let line = "7 (a) (b 1) S 1 7 7 0 -1 4194560 120 0 3 0 250 50 0 0 20 0 6 0 99 1 2";
        assert_eq!(parse_stat(line), Some(("a) (b 1".to_owned(), 3_000)));
        assert_eq!(parse_stat("7 (a) S 1"), None);
        let status = "Name:\ta\nvoluntary_ctxt_switches:\t12\nnonvoluntary_ctxt_switches:\t3\n";
        assert_eq!(field(status, "voluntary_ctxt_switches:"), Some(12));
        assert_eq!(field(status, "nonvoluntary_ctxt_switches:"), Some(3));
    }

    #[test]
    fn this_process_has_used_something_and_since_then_nothing_less() {
        let of = || Usage::of(std::process::id()).unwrap();
        let before = of();
        let used = of().since(&before);
        assert!(!used.threads.is_empty());
        assert_eq!(before.since(&before).cpu_millis, 0);
        assert!(used.cpu_millis < 60_000, "{used:?}");
    }
}
