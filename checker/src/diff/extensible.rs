//! Structs whose size travels with them, so that they may grow at the end without a program noticing.

use super::side::Side;
use crate::facts::{Ioctl, Layout, WitnessKind};
use abispec::model::Spec;

/// Parameters that tell the size of the struct that the pointer before them leads to.
const SIZE_PARAMETERS: &[&str] = &["size", "usize", "ss", "len", "uss", "argsz", "optlen"];

/// Fields near the beginning that tell the size of the struct they are in.
const SIZE_FIELDS: &[&str] = &["size", "argsz", "struct_size", "hdr_len"];

/// Ways of passing structs in which the size that the program knows is known to the kernel too. Each entry: the header, the
/// struct, and the way; `*` stands for any text. Only what the header itself or the kernel's core documents stands here.
const CONVENTIONS: &[(&str, &str, &str)] = &[
    ("linux/taskstats.h", "taskstats", "a netlink attribute with a version, which is documented to grow at the end"),
    ("linux/tcp.h", "tcp_info", "getsockopt() copies as many bytes as the caller has room for"),
    ("linux/mptcp.h", "mptcp_info", "getsockopt() copies as many bytes as the caller has room for"),
    ("linux/bpf.h", "bpf_*_info", "BPF_OBJ_GET_INFO_BY_FD takes the size in info_len"),
    ("linux/bpf.h", "bpf_attr", "bpf() takes its size"),
    ("linux/landlock.h", "landlock_ruleset_attr", "landlock_create_ruleset() takes its size"),
    ("linux/rseq.h", "rseq", "rseq() takes its size, and AT_RSEQ_FEATURE_SIZE tells how much of it the kernel knows"),
    ("linux/if_xdp.h", "xsk_tx_metadata", "XDP_UMEM_REG takes its size in tx_metadata_len"),
    ("linux/ublk_cmd.h", "ublk_params", "its field `len` tells its size"),
    ("linux/kfd_ioctl.h", "kfd_dbg_device_info_entry", "the request for a snapshot takes its size in entry_size"),
    (
        "linux/virtio_*.h",
        "virtio_*_config",
        "a device tells the length of its configuration space, features what is in it",
    ),
    ("rdma/*-abi.h", "*", "uverbs passes the length of the driver's part with each command"),
    ("drm/amdgpu_drm.h", "drm_amdgpu_info_*", "DRM_AMDGPU_INFO takes its size in return_size"),
    ("drm/panthor_drm.h", "drm_panthor_*_info", "DRM_PANTHOR_DEV_QUERY takes its size"),
];

/// Why a struct may grow at the end; none where nothing says so.
pub(super) fn may_grow(spec: &Spec, header: &str, name: &str, old: &Layout, sides: [&Side<'_>; 2]) -> Option<String> {
    if spec.structs.values().any(|known| known.c == name && !known.versions.is_empty()) {
        return Some("the specification lists its sizes by release".to_owned());
    }
    for (call, known) in &spec.syscalls {
        for pair in known.params.windows(2) {
            let [of, size] = pair else { continue };
            if points_to(&of.c.value, &old.c_name) && SIZE_PARAMETERS.contains(&size.name.value.as_str()) {
                return Some(format!("{call}() takes its size"));
            }
        }
    }
    for side in sides {
        for (call, fact) in &side.facts.prototypes {
            for pair in fact.value.params.windows(2) {
                let [of, size] = pair else { continue };
                let points = of.c_type.as_ref().is_ok_and(|c_type| points_to(c_type, &old.c_name));
                if points && SIZE_PARAMETERS.contains(&size.name.as_str()) {
                    return Some(format!("{call}() takes its size"));
                }
            }
        }
        let requests = side.facts.ioctls.values().filter(|fact| fact.value.kind == DRM);
        if header.starts_with("drm/")
            && requests
                .into_iter()
                .any(|fact| fact.value.argument.as_deref().is_some_and(|argument| argument == old.c_name))
        {
            return Some(DRM_GROWS.to_owned());
        }
    }
    let first = old.fields.iter().take(4).find(|field| {
        let near = field.offset_bits <= 32 && field.size_bits <= 32 && !field.bitfield;
        near && SIZE_FIELDS.contains(&field.name.as_str())
    });
    if let Some(field) = first {
        return Some(format!("its field `{}` tells its size", field.name));
    }
    // Type information names no headers, only what it describes.
    let anywhere = sides.iter().all(|side| side.facts.kind == WitnessKind::Btf);
    let convention = CONVENTIONS
        .iter()
        .find(|(place, pattern, _)| matches(pattern, name) && (matches(place, header) || anywhere && *pattern != "*"));
    convention.map(|(_, _, way)| (*way).to_owned())
}

fn points_to(c_type: &str, c_name: &str) -> bool {
    c_type.contains('*') && {
        let words: Vec<&str> =
            c_type.split(|c: char| c.is_whitespace() || c == '*').filter(|word| !word.is_empty()).collect();
        let name: Vec<&str> = c_name.split_whitespace().collect();
        words.windows(name.len().max(1)).any(|window| window == name.as_slice())
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((lead, tail)) => name.len() >= lead.len() + tail.len() && name.starts_with(lead) && name.ends_with(tail),
        None => pattern == name,
    }
}

/// The subsystem letter of device control requests of graphics drivers.
const DRM: u8 = b'd';

const DRM_GROWS: &str = "DRM takes the size out of the request's number and fills up with zeros";

/// Why the number of a request may change with the size of its argument; none where it may not.
pub(super) fn request_may_grow(header: &str, old: &Ioctl, new: &Ioctl) -> Option<&'static str> {
    let same = Ioctl { number: old.number, size: old.size, argument: old.argument.clone(), ..new.clone() } == *old;
    (header.starts_with("drm/") && old.kind == DRM && same && new.size > old.size).then_some(DRM_GROWS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_leads_to_the_struct_that_it_names() {
        assert!(points_to("struct clone_args __user *", "struct clone_args"));
        assert!(points_to("const struct x *", "struct x") && points_to("dock_t*", "dock_t"));
        assert!(!points_to("struct clone_args", "struct clone_args") && !points_to("struct x_y *", "struct x"));
    }

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(matches("bpf_*_info", "bpf_map_info") && matches("tcp_info", "tcp_info"));
        assert!(!matches("bpf_*_info", "bpf_info") && !matches("tcp_info", "mptcp_info"));
    }
}
