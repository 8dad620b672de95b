// Command syzcheck compiles descriptions with syzkaller's own compiler. It is built inside a checkout of syzkaller, see
// docs/exports.md: syzcheck DIR ARCH. It prints what was accepted; the exit code is 1 where something was not.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/syzkaller/pkg/ast"
	"github.com/google/syzkaller/pkg/compiler"
	"github.com/google/syzkaller/sys/targets"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: syzcheck DIR ARCH")
		os.Exit(2)
	}
	dir, arch := os.Args[1], os.Args[2]
	warnings := 0
	report := func(pos ast.Pos, text string) {
		warnings++
		fmt.Fprintf(os.Stderr, "%v: %v\n", pos, text)
	}
	descriptions := ast.ParseGlob(filepath.Join(dir, "*.txt"), report)
	constants := compiler.DeserializeConstFile(filepath.Join(dir, "*.const"), report)
	if descriptions == nil || constants == nil {
		os.Exit(1)
	}
	compiled := compiler.Compile(descriptions, constants.Arch(arch), targets.Get(targets.Linux, arch), report)
	if compiled == nil {
		os.Exit(1)
	}
	fmt.Printf("%d calls, %d resources, %d warnings\n", len(compiled.Syscalls), len(compiled.Resources), warnings)
}
