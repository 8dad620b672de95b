/*
 * set_thread_area: missing-error
 * specification: spec/syscalls/set_thread_area.yaml:9:58
 * seen on: 6.18.44-fc-v657
 * expected: EFAULT
 * actual:   success, 0
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long report(int index, const char *call, long result)
{
	if (result == -1)
		printf("r%d = %s: errno %d (%s)\n", index, call, errno, strerror(errno));
	else
		printf("r%d = %s: %ld\n", index, call, result);
	return result;
}

/* Call `nr` of i386, from a 64-bit program. The sixth argument travels in the frame pointer. */
__attribute__((unused)) static long ia32(uint32_t nr, uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f)
{
	uint32_t result;
	register unsigned long sixth __asm__("r15") = f;

	__asm__ volatile("xchg %%r15, %%rbp\n\tint $0x80\n\txchg %%r15, %%rbp"
			 : "=a"(result), "+r"(sixth)
			 : "0"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
			 : "r8", "r9", "r10", "r11", "memory");
	if (result > -4096U) {
		errno = -result;
		return -1;
	}
	return result;
}

/* `present` bytes at the end of a page, with an inaccessible page behind them. */
static unsigned char *memory(const unsigned char *bytes, size_t present, int protection)
{
	size_t page = 4096, pages = (present + page - 1) / page + 1;
	unsigned char *base = mmap(0, (pages + 1) * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	unsigned char *start = base + pages * page - present;

	if (base == MAP_FAILED)
		exit(2);
	memset(base, 0xa5, pages * page);
	memcpy(start, bytes, present);
	mprotect(base + pages * page, page, PROT_NONE);
	if (protection != (PROT_READ | PROT_WRITE))
		mprotect(base, pages * page, protection);
	return start;
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		printf("(%s cannot be written)\n", path);
	close(fd);
}

static void confine(void)
{
	char user[64], group[64];

	snprintf(user, sizeof(user), "0 %d 1", (int)geteuid());
	snprintf(group, sizeof(group), "0 %d 1", (int)getegid());
	if (unshare(CLONE_NEWUSER)) {
		printf("(no user namespace: the caller's own privileges count)\n");
		return;
	}
	put("/proc/self/setgroups", "deny");
	put("/proc/self/gid_map", group);
	put("/proc/self/uid_map", user);
}

static void drop_capabilities(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};

	if (syscall(SYS_capset, &header, none))
		exit(2);
}

static void prepare(void)
{
	struct rlimit descriptors = {64, 128};

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	umask(022);
	setrlimit(RLIMIT_NOFILE, &descriptors);
	setvbuf(stdout, 0, _IONBF, 0);
	confine();
	drop_capabilities();
}

int main(void)
{
	long r[1];

	prepare();
	static const unsigned char b0_0_bytes[] = {12,0,0,0,0,0,0,0,2,0,0,0,1,0,0,0};
	unsigned char *b0_0 = memory(b0_0_bytes, 16, PROT_READ);
	errno = 0;
	r[0] = report(0, "set_thread_area", ia32(243, (uint32_t)(uintptr_t)b0_0, 0, 0, 0, 0, 0));
	printf("expected: %s\n", "EFAULT");
	return r[0] != -1;
}
