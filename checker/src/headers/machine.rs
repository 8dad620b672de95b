//! What a C compiler for a port takes for granted: widths, alignments, and the macros that it predefines.

use abispec::arch::{Arch, DataModel};
use std::fmt::Write as _;

/// How a port's compiler sees C.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// The port.
    pub(crate) arch: Arch,
    /// Bytes of `long` and of a pointer.
    pub(crate) word: u64,
    /// Whether plain `char` is signed.
    pub(crate) char_signed: bool,
    /// Largest alignment of a scalar inside a struct.
    pub(crate) field_limit: u64,
    /// Alignment of 8-byte integers.
    pub(crate) wide_align: u64,
    /// Size and alignment of `long double`.
    pub(crate) long_double: (u64, u64),
    /// Smallest alignment of any struct.
    pub(crate) struct_align: u64,
    /// What `aligned` without a number means.
    pub(crate) biggest_align: u64,
    /// The type of a bit-field neither aligns it nor its struct.
    pub(crate) bits_packed: bool,
    /// An unnamed bit-field aligns its struct as a named one does.
    pub(crate) unnamed_bits_align: bool,
    /// Macros that only this port has.
    own: &'static [(&'static str, &'static str)],
}

impl Machine {
    /// The compiler of a port.
    pub(crate) fn new(arch: Arch) -> Self {
        let word = u64::from(arch.data_model().word());
        let lp64 = word == 8;
        let base = Self {
            arch,
            word,
            char_signed: true,
            field_limit: 16,
            wide_align: 8,
            long_double: if lp64 { (16, 16) } else { (8, 8) },
            struct_align: 1,
            biggest_align: if lp64 { 16 } else { 8 },
            bits_packed: false,
            unnamed_bits_align: false,
            own: &[],
        };
        let unsigned_char = Self { char_signed: false, ..base.clone() };
        match arch {
            Arch::X86_64 => {
                Self { own: &[("__x86_64__", "1"), ("__x86_64", "1"), ("__amd64__", "1"), ("__amd64", "1")], ..base }
            }
            Arch::X32 => Self {
                own: &[("__x86_64__", "1"), ("__x86_64", "1"), ("__amd64__", "1"), ("__ILP32__", "1"), ("_ILP32", "1")],
                long_double: (16, 16),
                biggest_align: 16,
                ..base
            },
            Arch::I386 => Self {
                own: &[("__i386__", "1"), ("__i386", "1")],
                field_limit: 4,
                long_double: (12, 4),
                biggest_align: 16,
                ..base
            },
            Arch::Arm => Self {
                own: &[("__arm__", "1"), ("__ARM_EABI__", "1"), ("__ARMEL__", "1")],
                unnamed_bits_align: true,
                ..unsigned_char
            },
            Arch::Arm64 => {
                Self { own: &[("__aarch64__", "1"), ("__AARCH64EL__", "1")], unnamed_bits_align: true, ..unsigned_char }
            }
            Arch::Riscv64 => Self { own: &[("__riscv", "1"), ("__riscv_xlen", "64")], ..unsigned_char },
            Arch::Riscv32 => Self {
                own: &[("__riscv", "1"), ("__riscv_xlen", "32")],
                long_double: (16, 16),
                biggest_align: 16,
                ..unsigned_char
            },
            Arch::Loongarch64 => Self {
                own: &[
                    ("__loongarch__", "1"),
                    ("__loongarch64", "1"),
                    ("__loongarch_lp64", "1"),
                    ("__loongarch_grlen", "64"),
                ],
                ..base
            },
            Arch::S390x => Self {
                own: &[("__s390__", "1"), ("__s390x__", "1")],
                biggest_align: 8,
                long_double: (16, 8),
                ..unsigned_char
            },
            Arch::Powerpc64 => Self {
                own: &[
                    ("__powerpc__", "1"),
                    ("__powerpc64__", "1"),
                    ("__PPC__", "1"),
                    ("__PPC64__", "1"),
                    ("__BIG_ENDIAN__", "1"),
                    ("_BIG_ENDIAN", "1"),
                ],
                ..unsigned_char
            },
            Arch::Powerpc => Self {
                own: &[("__powerpc__", "1"), ("__PPC__", "1"), ("__BIG_ENDIAN__", "1"), ("_BIG_ENDIAN", "1")],
                long_double: (16, 16),
                biggest_align: 16,
                ..unsigned_char
            },
            Arch::MipsO32 => Self {
                own: &[
                    ("__mips__", "1"),
                    ("__mips", "32"),
                    ("_MIPS_SIM", "1"),
                    ("_MIPS_SZLONG", "32"),
                    ("__MIPSEB__", "1"),
                    ("_ABIO32", "1"),
                    ("_ABIN32", "2"),
                    ("_ABI64", "3"),
                ],
                ..base
            },
            Arch::MipsN32 => Self {
                own: &[
                    ("__mips__", "1"),
                    ("__mips", "64"),
                    ("__mips64", "1"),
                    ("_MIPS_SIM", "2"),
                    ("_MIPS_SZLONG", "32"),
                    ("__MIPSEB__", "1"),
                    ("_ABIO32", "1"),
                    ("_ABIN32", "2"),
                    ("_ABI64", "3"),
                ],
                long_double: (16, 16),
                biggest_align: 16,
                ..base
            },
            Arch::MipsN64 => Self {
                own: &[
                    ("__mips__", "1"),
                    ("__mips", "64"),
                    ("__mips64", "1"),
                    ("_MIPS_SIM", "3"),
                    ("_MIPS_SZLONG", "64"),
                    ("__MIPSEB__", "1"),
                    ("_ABIO32", "1"),
                    ("_ABIN32", "2"),
                    ("_ABI64", "3"),
                ],
                ..base
            },
            Arch::Sparc64 => Self {
                own: &[("__sparc__", "1"), ("__sparc", "1"), ("__arch64__", "1"), ("__sparc_v9__", "1")],
                ..base
            },
            Arch::Sparc => Self { own: &[("__sparc__", "1"), ("__sparc", "1")], ..base },
            Arch::Parisc => Self { own: &[("__hppa__", "1"), ("__hppa", "1"), ("__BIG_ENDIAN__", "1")], ..base },
            Arch::Parisc64 => Self {
                own: &[("__hppa__", "1"), ("__hppa", "1"), ("__hppa64__", "1"), ("__BIG_ENDIAN__", "1")],
                ..base
            },
            Arch::Alpha => Self { own: &[("__alpha__", "1"), ("__alpha", "1")], ..base },
            Arch::M68k => Self {
                own: &[("__m68k__", "1"), ("__mc68000__", "1")],
                bits_packed: true,
                field_limit: 2,
                long_double: (12, 2),
                biggest_align: 2,
                ..base
            },
            Arch::Sh => Self { own: &[("__sh__", "1"), ("__LITTLE_ENDIAN__", "1")], field_limit: 4, ..base },
            Arch::Xtensa => {
                Self { own: &[("__xtensa__", "1"), ("__XTENSA__", "1"), ("__XTENSA_EL__", "1")], ..unsigned_char }
            }
            Arch::Microblaze => {
                Self { own: &[("__microblaze__", "1"), ("__MICROBLAZEEL__", "1")], field_limit: 4, ..base }
            }
            Arch::Arc => Self { own: &[("__arc__", "1"), ("__LITTLE_ENDIAN__", "1")], field_limit: 4, ..unsigned_char },
            Arch::Csky => Self { own: &[("__csky__", "1")], field_limit: 4, ..unsigned_char },
            Arch::Hexagon => Self { own: &[("__hexagon__", "1")], ..unsigned_char },
            Arch::Nios2 => Self { own: &[("__nios2__", "1")], field_limit: 4, ..base },
            Arch::Openrisc => Self { own: &[("__or1k__", "1")], field_limit: 4, ..unsigned_char },
        }
    }

    /// The folder of a distribution that keeps several ports side by side.
    pub(crate) const fn multiarch(arch: Arch) -> &'static str {
        match arch {
            Arch::X86_64 => "x86_64-linux-gnu",
            Arch::X32 => "x86_64-linux-gnux32",
            Arch::I386 => "i386-linux-gnu",
            Arch::Arm => "arm-linux-gnueabihf",
            Arch::Arm64 => "aarch64-linux-gnu",
            Arch::Riscv64 => "riscv64-linux-gnu",
            Arch::Riscv32 => "riscv32-linux-gnu",
            Arch::Loongarch64 => "loongarch64-linux-gnu",
            Arch::S390x => "s390x-linux-gnu",
            Arch::Powerpc64 => "powerpc64le-linux-gnu",
            Arch::Powerpc => "powerpc-linux-gnu",
            Arch::MipsO32 => "mips-linux-gnu",
            Arch::MipsN32 => "mips64-linux-gnuabin32",
            Arch::MipsN64 => "mips64-linux-gnuabi64",
            Arch::Sparc64 => "sparc64-linux-gnu",
            Arch::Sparc => "sparc-linux-gnu",
            Arch::Parisc => "hppa-linux-gnu",
            Arch::Parisc64 => "hppa64-linux-gnu",
            Arch::Alpha => "alpha-linux-gnu",
            Arch::M68k => "m68k-linux-gnu",
            Arch::Sh => "sh4-linux-gnu",
            Arch::Xtensa => "xtensa-linux-gnu",
            Arch::Microblaze => "microblaze-linux-gnu",
            Arch::Arc => "arc-linux-gnu",
            Arch::Csky => "csky-linux-gnuabiv2",
            Arch::Hexagon => "hexagon-linux-gnu",
            Arch::Nios2 => "nios2-linux-gnu",
            Arch::Openrisc => "or1k-linux-gnu",
        }
    }

    /// The predefined macros, one `NAME VALUE` per line.
    pub(crate) fn predefined(&self) -> String {
        let lp64 = self.arch.data_model() == DataModel::Lp64;
        let (size, signed, limit) =
            if lp64 { ("unsigned long", "long", "0x7fffffffffffffffL") } else { ("unsigned int", "int", "0x7fffffff") };
        let (wide, wide_suffix) = if lp64 { ("long", "L") } else { ("long long", "LL") };
        let order = if self.arch.is_big_endian() { "__ORDER_BIG_ENDIAN__" } else { "__ORDER_LITTLE_ENDIAN__" };
        let mut out = String::new();
        let mut set = |name: &str, value: &str| {
            let _ = writeln!(out, "{name} {value}");
        };
        for (name, value) in COMMON {
            set(name, value);
        }
        for (name, value) in self.own {
            set(name, value);
        }
        if lp64 {
            set("__LP64__", "1");
            set("_LP64", "1");
        }
        if !self.char_signed {
            set("__CHAR_UNSIGNED__", "1");
        }
        set("__BYTE_ORDER__", order);
        set("__FLOAT_WORD_ORDER__", order);
        let word = self.word.to_string();
        for name in ["__SIZEOF_LONG__", "__SIZEOF_POINTER__", "__SIZEOF_SIZE_T__", "__SIZEOF_PTRDIFF_T__"] {
            set(name, &word);
        }
        set("__SIZEOF_LONG_DOUBLE__", &self.long_double.0.to_string());
        if lp64 {
            set("__SIZEOF_INT128__", "16");
        }
        for (name, value) in [
            ("__SIZE_TYPE__", size),
            ("__PTRDIFF_TYPE__", signed),
            ("__INTPTR_TYPE__", signed),
            ("__UINTPTR_TYPE__", size),
        ] {
            set(name, value);
        }
        set("__INT64_TYPE__", wide);
        set("__UINT64_TYPE__", &format!("unsigned {wide}"));
        set("__INTMAX_TYPE__", wide);
        set("__UINTMAX_TYPE__", &format!("unsigned {wide}"));
        set("__LONG_MAX__", limit);
        set("__PTRDIFF_MAX__", limit);
        set("__SIZE_MAX__", if lp64 { "0xffffffffffffffffUL" } else { "0xffffffffU" });
        set("__INT64_MAX__", &format!("0x7fffffffffffffff{wide_suffix}"));
        set("__UINT64_MAX__", &format!("0xffffffffffffffffU{wide_suffix}"));
        set("__INT64_C(c)", &format!("c ## {wide_suffix}"));
        set("__UINT64_C(c)", &format!("c ## U{wide_suffix}"));
        out
    }
}

/// What every port's compiler defines.
const COMMON: &[(&str, &str)] = &[
    ("__STDC__", "1"),
    ("__STDC_VERSION__", "201710L"),
    ("__STDC_HOSTED__", "1"),
    ("__GNUC__", "12"),
    ("__GNUC_MINOR__", "2"),
    ("__GNUC_PATCHLEVEL__", "0"),
    ("__VERSION__", "\"12.2.0\""),
    ("__GNUC_STDC_INLINE__", "1"),
    ("__ELF__", "1"),
    ("__linux__", "1"),
    ("__linux", "1"),
    ("__gnu_linux__", "1"),
    ("__unix__", "1"),
    ("__unix", "1"),
    ("__ORDER_LITTLE_ENDIAN__", "1234"),
    ("__ORDER_BIG_ENDIAN__", "4321"),
    ("__ORDER_PDP_ENDIAN__", "3412"),
    ("__CHAR_BIT__", "8"),
    ("__SIZEOF_SHORT__", "2"),
    ("__SIZEOF_INT__", "4"),
    ("__SIZEOF_LONG_LONG__", "8"),
    ("__SIZEOF_FLOAT__", "4"),
    ("__SIZEOF_DOUBLE__", "8"),
    ("__SIZEOF_WCHAR_T__", "4"),
    ("__SIZEOF_WINT_T__", "4"),
    ("__SCHAR_MAX__", "0x7f"),
    ("__SHRT_MAX__", "0x7fff"),
    ("__INT_MAX__", "0x7fffffff"),
    ("__LONG_LONG_MAX__", "0x7fffffffffffffffLL"),
    ("__WCHAR_TYPE__", "int"),
    ("__WCHAR_MAX__", "0x7fffffff"),
    ("__WCHAR_MIN__", "(-__WCHAR_MAX__ - 1)"),
    ("__WINT_TYPE__", "unsigned int"),
    ("__CHAR16_TYPE__", "short unsigned int"),
    ("__CHAR32_TYPE__", "unsigned int"),
    ("__INT8_TYPE__", "signed char"),
    ("__INT16_TYPE__", "short int"),
    ("__INT32_TYPE__", "int"),
    ("__UINT8_TYPE__", "unsigned char"),
    ("__UINT16_TYPE__", "short unsigned int"),
    ("__UINT32_TYPE__", "unsigned int"),
    ("__INT8_MAX__", "0x7f"),
    ("__INT16_MAX__", "0x7fff"),
    ("__INT32_MAX__", "0x7fffffff"),
    ("__UINT8_MAX__", "0xff"),
    ("__UINT16_MAX__", "0xffff"),
    ("__UINT32_MAX__", "0xffffffffU"),
    ("__USER_LABEL_PREFIX__", ""),
    ("__REGISTER_PREFIX__", ""),
    ("__GCC_HAVE_DWARF2_CFI_ASM", "1"),
];

/// The headers that belong to the compiler, which a tree of headers does not hold.
pub(crate) const COMPILER_HEADERS: &[(&str, &str)] = &[
    (
        "stddef.h",
        "typedef __SIZE_TYPE__ size_t;\ntypedef __PTRDIFF_TYPE__ ptrdiff_t;\ntypedef __WCHAR_TYPE__ wchar_t;\ntypedef __WINT_TYPE__ wint_t;\n\
         #undef NULL\n#define NULL ((void *)0)\n#undef offsetof\n#define offsetof(type, member) __builtin_offsetof(type, member)\n",
    ),
    ("stdarg.h", "typedef __builtin_va_list __gnuc_va_list;\ntypedef __builtin_va_list va_list;\n"),
    ("stdbool.h", "#define bool _Bool\n#define true 1\n#define false 0\n"),
    (
        "stdint.h",
        "typedef __INT8_TYPE__ int8_t;\ntypedef __INT16_TYPE__ int16_t;\ntypedef __INT32_TYPE__ int32_t;\ntypedef __INT64_TYPE__ int64_t;\n\
         typedef __UINT8_TYPE__ uint8_t;\ntypedef __UINT16_TYPE__ uint16_t;\ntypedef __UINT32_TYPE__ uint32_t;\ntypedef __UINT64_TYPE__ uint64_t;\n\
         typedef __INTPTR_TYPE__ intptr_t;\ntypedef __UINTPTR_TYPE__ uintptr_t;\n\
         #define INT32_MAX __INT32_MAX__\n#define UINT32_MAX __UINT32_MAX__\n#define INT64_MAX __INT64_MAX__\n#define UINT64_MAX __UINT64_MAX__\n\
         #define UINT16_MAX __UINT16_MAX__\n#define UINT8_MAX __UINT8_MAX__\n",
    ),
    (
        "limits.h",
        "#undef CHAR_BIT\n#define CHAR_BIT __CHAR_BIT__\n#undef SCHAR_MAX\n#define SCHAR_MAX __SCHAR_MAX__\n#undef SHRT_MAX\n#define SHRT_MAX __SHRT_MAX__\n\
         #undef USHRT_MAX\n#define USHRT_MAX (__SHRT_MAX__ * 2 + 1)\n#undef INT_MAX\n#define INT_MAX __INT_MAX__\n#undef INT_MIN\n#define INT_MIN (-INT_MAX - 1)\n\
         #undef UINT_MAX\n#define UINT_MAX (__INT_MAX__ * 2U + 1U)\n#undef LONG_MAX\n#define LONG_MAX __LONG_MAX__\n#undef LONG_MIN\n#define LONG_MIN (-LONG_MAX - 1L)\n\
         #undef ULONG_MAX\n#define ULONG_MAX (__LONG_MAX__ * 2UL + 1UL)\n#undef LLONG_MAX\n#define LLONG_MAX __LONG_LONG_MAX__\n#undef LLONG_MIN\n\
         #define LLONG_MIN (-LLONG_MAX - 1LL)\n#undef ULLONG_MAX\n#define ULLONG_MAX (__LONG_LONG_MAX__ * 2ULL + 1ULL)\n",
    ),
];
