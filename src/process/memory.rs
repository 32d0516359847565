//! How much memory there is for pictures.

use std::fs;
use std::path::Path;

/// For the program itself, connections, threads and what an allocator cannot give back.
const BESIDE_BYTES: u64 = 64 << 20;

/// Bytes of memory for the pictures in work at once: three quarters of what the process may use, by its
/// control groups or the machine, but for 64 MiB at least, or half where that is little. `None` where
/// neither can be read.
#[must_use]
pub fn budget_bytes() -> Option<u64> {
    limit_bytes(Path::new("/")).map(share)
}

fn share(limit: u64) -> u64 {
    limit - (limit / 4).max(BESIDE_BYTES).min(limit / 2)
}

/// The least of all limits that hold: those of the control groups (version 2, version 1) from the
/// process' own upwards, and the machine's memory. Inside a container only some of them can be seen.
fn limit_bytes(root: &Path) -> Option<u64> {
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
    let groups = read("proc/self/cgroup");
    let of_groups = groups.lines().flat_map(|line| {
        // hierarchy:controllers:path, see cgroups(7).
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next().unwrap_or_default(), fields.next());
        let (mount, file) = match controllers {
            "" => ("sys/fs/cgroup", "memory.max"),
            _ if controllers.split(',').any(|c| c == "memory") => {
                ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => return Vec::new(),
        };
        let path = Path::new(path.unwrap_or_default().trim_start_matches('/'));
        let and_above = path.ancestors().map(|group| {
            let limit = root.join(mount).join(group).join(file);
            // "max" where there is none.
            fs::read_to_string(limit).ok()?.trim().parse::<u64>().ok()
        });
        and_above.flatten().collect()
    });
    let machine = read("proc/meminfo");
    let machine = machine.lines().find_map(|line| {
        let kib = line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?;
        Some(kib.parse::<u64>().ok()? << 10)
    });
    of_groups.chain(machine).min()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn limit(files: &[(&str, &str)]) -> Option<u64> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        limit_bytes(root.path())
    }

    const MACHINE: (&str, &str) = ("proc/meminfo", "MemTotal:        8192 kB\nMemFree: 1 kB\n");

    #[test]
    fn the_least_limit_holds() {
        let second = ("proc/self/cgroup", "0::/pod/container\n");
        let inner = ("sys/fs/cgroup/pod/container/memory.max", "max\n");
        let outer = ("sys/fs/cgroup/pod/memory.max", "4194304\n");
        assert_eq!(limit(&[MACHINE, second, inner, outer]), Some(4 << 20));
        let seen_from_inside = ("sys/fs/cgroup/memory.max", "2097152\n");
        assert_eq!(limit(&[MACHINE, second, seen_from_inside]), Some(2 << 20));
        assert_eq!(limit(&[MACHINE, second, inner]), Some(8 << 20));

        let first = ("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/x\n");
        let group = ("sys/fs/cgroup/memory/x/memory.limit_in_bytes", "3145728\n");
        assert_eq!(limit(&[MACHINE, first, group]), Some(3 << 20));
        let none = (
            "sys/fs/cgroup/memory/x/memory.limit_in_bytes",
            "9223372036854771712\n",
        );
        assert_eq!(limit(&[MACHINE, first, none]), Some(8 << 20));
        assert_eq!(limit(&[]), None);
        assert!(
            budget_bytes().is_some_and(|bytes| bytes > 0),
            "of this machine"
        );
    }

    #[test]
    fn something_is_left_for_the_rest() {
        assert_eq!(share(4 << 30), 3 << 30);
        assert_eq!(share(160 << 20), 96 << 20);
        assert_eq!(share(100 << 20), 50 << 20);
    }
}
