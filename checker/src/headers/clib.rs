//! What the C library adds where a tree of headers has none: the types and names that the kernel's headers take from it.
//!
//! Sizes and members are those that every C library of Linux has agreed on with the kernel; `time_t` is the one of the
//! original ABI, a `long`.

/// The header that stands for what programs include before the kernel's headers.
pub(crate) const PROGRAM: &str = "<program>";

/// Texts by name.
pub(crate) const C_LIBRARY: &[(&str, &str)] = &[
    (
        PROGRAM,
        "#include <stddef.h>\n#include <stdint.h>\n#include <limits.h>\n#include <time.h>\n#include <fcntl.h>\n#include <sys/types.h>\n\
         #include <sys/time.h>\n#include <sys/socket.h>\n#include <sys/ioctl.h>\n#include <linux/types.h>\n\
         #include <linux/ioctl.h>\n#include <linux/sockios.h>\n",
    ),
    (
        "endian.h",
        "#define __LITTLE_ENDIAN 1234\n#define __BIG_ENDIAN 4321\n#define __PDP_ENDIAN 3412\n#define __BYTE_ORDER __BYTE_ORDER__\n",
    ),
    ("fcntl.h", "#include <asm/fcntl.h>\n"),
    ("netinet/if_ether.h", "#include <linux/if_ether.h>\n"),
    ("netinet/in.h", "#include <sys/socket.h>\n#include <linux/in.h>\n#include <linux/in6.h>\n"),
    ("stdlib.h", "#include <stddef.h>\n"),
    ("string.h", "#include <stddef.h>\n"),
    ("sys/ioctl.h", "#include <asm/ioctls.h>\n"),
    (
        "sys/socket.h",
        "#ifndef _SYS_SOCKET_H\n#define _SYS_SOCKET_H 1\n#include <sys/types.h>\n\
         typedef unsigned short sa_family_t;\ntypedef unsigned int socklen_t;\n\
         struct sockaddr { sa_family_t sa_family; char sa_data[14]; };\n\
         struct sockaddr_storage { sa_family_t ss_family; char __ss_padding[126 - sizeof(long)]; unsigned long __ss_align; };\n\
         #endif\n",
    ),
    (
        "sys/time.h",
        "#ifndef _SYS_TIME_H\n#define _SYS_TIME_H 1\n#include <sys/types.h>\n\
         struct timeval { time_t tv_sec; long tv_usec; };\n#endif\n",
    ),
    (
        "sys/types.h",
        "#ifndef _SYS_TYPES_H\n#define _SYS_TYPES_H 1\n#include <stddef.h>\n\
         typedef long time_t;\ntypedef long ssize_t;\ntypedef char *caddr_t;\ntypedef int pid_t;\n\
         typedef unsigned int uid_t;\ntypedef unsigned int gid_t;\n\
         typedef unsigned char u_char;\ntypedef unsigned short u_short;\ntypedef unsigned int u_int;\ntypedef unsigned long u_long;\n\
         typedef __INT8_TYPE__ int8_t;\ntypedef __INT16_TYPE__ int16_t;\ntypedef __INT32_TYPE__ int32_t;\ntypedef __INT64_TYPE__ int64_t;\n\
         typedef __UINT8_TYPE__ u_int8_t;\ntypedef __UINT16_TYPE__ u_int16_t;\ntypedef __UINT32_TYPE__ u_int32_t;\ntypedef __UINT64_TYPE__ u_int64_t;\n\
         #endif\n",
    ),
    (
        "time.h",
        "#ifndef _TIME_H\n#define _TIME_H 1\n#include <sys/types.h>\n\
         struct timespec { time_t tv_sec; long tv_nsec; };\n#endif\n",
    ),
    ("unistd.h", "#include <sys/types.h>\n"),
];
