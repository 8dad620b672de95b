//! The constants that belong to the language and to no flag set.

use crate::arch::DataModel;

/// Names of the language's own constants.
pub const LANGUAGE_CONSTANTS: &[&str] = &[
    "NULL",
    "PAGE_SIZE",
    "TASK_SIZE",
    "PATH_MAX",
    "NAME_MAX",
    "INT_MAX",
    "INT_MIN",
    "UINT_MAX",
    "LONG_MAX",
    "LONG_MIN",
    "ULONG_MAX",
    "LLONG_MAX",
    "LLONG_MIN",
    "ULLONG_MAX",
    "SSIZE_MAX",
    "SIZE_MAX",
    "IOV_MAX",
    "MAX_RW_COUNT",
    "NSEC_PER_SEC",
    "NR_OPEN_MAX",
    "MAXSYMLINKS",
];

/// The value of a language constant; `task_size` is the first address that user space cannot have, `caller` the data model of
/// the calling process's port, which is the kernel's own.
pub fn language_constant(
    name: &str,
    model: DataModel,
    caller: DataModel,
    page_size: u32,
    task_size: u64,
) -> Option<i128> {
    let page = i128::from(page_size);
    let (long_max, ulong_max) = match model {
        DataModel::Lp64 => (i128::from(i64::MAX), i128::from(u64::MAX)),
        DataModel::Ilp32 => (i128::from(i32::MAX), i128::from(u32::MAX)),
    };
    Some(match name {
        "NULL" => 0,
        "PAGE_SIZE" => page,
        "TASK_SIZE" => i128::from(task_size),
        "PATH_MAX" => 4096,
        "NAME_MAX" => 255,
        "INT_MAX" => i128::from(i32::MAX),
        "INT_MIN" => i128::from(i32::MIN),
        "UINT_MAX" => i128::from(u32::MAX),
        "LONG_MAX" => long_max,
        "SSIZE_MAX" => match caller {
            DataModel::Lp64 => i128::from(i64::MAX),
            DataModel::Ilp32 => i128::from(i32::MAX),
        },
        "LONG_MIN" => -long_max - 1,
        "ULONG_MAX" => ulong_max,
        "SIZE_MAX" => match caller {
            DataModel::Lp64 => i128::from(u64::MAX),
            DataModel::Ilp32 => i128::from(u32::MAX),
        },
        "LLONG_MAX" => i128::from(i64::MAX),
        "LLONG_MIN" => i128::from(i64::MIN),
        "ULLONG_MAX" => i128::from(u64::MAX),
        "IOV_MAX" => 1024,
        "MAX_RW_COUNT" => i128::from(i32::MAX) & !(page - 1),
        "NSEC_PER_SEC" => 1_000_000_000,
        "NR_OPEN_MAX" => 0x3fff_ffc0,
        "MAXSYMLINKS" => 40,
        _ => return None,
    })
}
