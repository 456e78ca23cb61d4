package network

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"iris-broadcast/tests/harness"
)

// inside is set where the tests run in their own network namespace, with its loopback interface and packet filter.
const inside = "TEST_BROADCAST_NAMESPACE"

// noNamespace is why there is none, or none with a packet filter.
var noNamespace error

const filter = `
table inet broadcast {
	set vanished { type ipv4_addr; }
	chain input {
		type filter hook input priority 0;
		ip saddr @vanished drop
		ip daddr @vanished drop
	}
}`

// isolate runs the tests again in a new network namespace and exits with their status. It returns inside of that, and
// where there is none.
func isolate() {
	if os.Getenv(inside) != "" {
		noNamespace = errors.Join(command("ip", "", "link", "set", "lo", "up"), command("nft", filter, "-f", "-"))
		return
	}
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin") // where Debian puts nft
	for _, name := range []string{"ip", "nft"} {
		if _, noNamespace = exec.LookPath(name); noNamespace != nil {
			return
		}
	}
	runtime.LockOSThread() // Pdeathsig is about the thread that started the child
	again := exec.Command("/proc/self/exe", os.Args[1:]...)
	again.Stdout, again.Stderr = os.Stdout, os.Stderr
	again.Env = append(os.Environ(), inside+"=1")
	again.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if uid, gid := os.Geteuid(), os.Getegid(); uid != 0 { // root of a user namespace may do it, too
		again.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		again.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
		again.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: gid, Size: 1}}
	}
	var exit *exec.ExitError
	switch err := again.Run(); {
	case err == nil:
		os.Exit(0)
	case errors.As(err, &exit):
		os.Exit(max(1, exit.ExitCode()))
	default:
		noNamespace = err
	}
}

// command runs a program that sets the namespace up.
func command(name, stdin string, args ...string) error {
	c := exec.Command(name, args...)
	c.Stdin = strings.NewReader(stdin)
	said, err := c.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %q: %w\n%s", name, args, err, said)
	}
	return nil
}

// needsNamespace skips the test where there is no namespace; with CI=true it fails.
func needsNamespace(t *testing.T) {
	t.Helper()
	const install = "apt-get install iproute2 nftables"
	harness.Needs(t, install, "ip")
	harness.Needs(t, install, "nft")
	if noNamespace == nil {
		return
	}
	message := fmt.Sprintf("no network namespace with a packet filter: %v; run as root", noNamespace)
	if os.Getenv("CI") == "true" {
		t.Fatal(message)
	}
	t.Skip(message)
}

// vanish drops all packets from and to an address, as if its machine had lost power.
func vanish(t *testing.T, address string) {
	t.Helper()
	if err := command("nft", "", "add element inet broadcast vanished { "+address+" }"); err != nil {
		t.Fatal(err)
	}
}
