package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"iris-broadcast/tests/harness"
)

// group makes a control group for the test, where a shell may put itself before it enters a cgroup namespace.
func group(t *testing.T) string {
	t.Helper()
	mount := "/sys/fs/cgroup/unified" // of a system that still has version 1 as well
	if _, err := os.Stat(mount); err != nil {
		mount = "/sys/fs/cgroup"
	}
	dir, err := os.MkdirTemp(mount, "iris-broadcast-test-")
	if err != nil {
		lacks(t, fmt.Sprint("a control group of its own: ", err))
	}
	t.Cleanup(func() {
		harness.Eventually(t, "the control group is empty", func() bool {
			remove(dir)
			_, err := os.Stat(dir)
			return os.IsNotExist(err)
		})
	})
	if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err != nil {
		lacks(t, fmt.Sprint("control groups of version 2: ", err))
	}
	return dir
}

// remove removes a control group and those below it, as far as they are empty.
func remove(dir string) {
	below, _ := filepath.Glob(filepath.Join(dir, "*", ""))
	for _, path := range below {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			remove(path)
		}
	}
	os.Remove(dir)
}

// machine is a real systemd, as process 1 of namespaces of its own: its own units, state, processes and control groups,
// with the files and the network of this machine.
type machine struct {
	t   *testing.T
	pid int // of systemd, outside
}

// setUp is run by a shell in the namespaces; $1 is a folder with units/ and program.
const setUp = `
set -e
mount --make-rprivate /
umount -l /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs tmpfs /run
mkdir /run/etc /run/work
mount -t overlay -o lowerdir=/etc,upperdir=/run/etc,workdir=/run/work overlay /etc
rm -rf /etc/systemd/system && mkdir -p /etc/systemd/system
mount -t tmpfs tmpfs /var/lib
mkdir -m 700 /var/lib/private
mount -t tmpfs tmpfs /usr/local/bin
mount --bind "$1/units" /lib/systemd/system
mount -t tmpfs tmpfs /lib/systemd/system-generators # which would bring this machine's own services
exec env -i PATH="$PATH" container=test "$2" --system --unit=multi-user.target --show-status=no --log-target=console`

// boot starts a machine with nothing but targets.
func boot(t *testing.T) *machine {
	t.Helper()
	needsRoot(t)
	systemd := harness.Needs(t, "apt-get install systemd", "/lib/systemd/systemd", "/usr/lib/systemd/systemd")
	harness.Needs(t, "apt-get install util-linux", "unshare", "nsenter")
	dir := t.TempDir()
	for _, target := range []string{"sysinit", "basic", "sockets", "network", "multi-user", "shutdown", "umount"} {
		write(t, dir, "units/"+target+".target", "[Unit]\nDefaultDependencies=no\n")
	}
	write(t, dir, "units/multi-user.target", "[Unit]\nRequires=basic.target sockets.target\n")
	command := exec.Command("sh", "-c", `echo $$ >"$3/cgroup.procs"
		exec unshare --mount --pid --fork --kill-child --cgroup --mount-proc sh -c "$0" sh "$1" "$2"`,
		setUp, dir, systemd, group(t))
	var said strings.Builder
	command.Stdout, command.Stderr, command.WaitDelay = &said, &said, time.Second
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // if the tests are killed
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t}
	t.Cleanup(func() {
		command.Process.Kill() // which kills systemd, and that the rest
		if command.Wait(); t.Failed() {
			t.Log(said.String())
		}
	})
	harness.Eventually(t, "systemd has booted", func() bool {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", command.Process.Pid))
		if _, scanErr := fmt.Sscan(string(children), &m.pid); err != nil || scanErr != nil {
			return false
		}
		return m.command("systemctl", "is-active", "multi-user.target").Run() == nil
	})
	return m
}

// command is a command inside the machine.
func (m *machine) command(args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"-t", fmt.Sprint(m.pid), "-m", "-p", "--"}, args...)...)
}

// run runs a command inside the machine, and returns what it prints.
func (m *machine) run(args ...string) string {
	m.t.Helper()
	said, err := m.command(args...).CombinedOutput()
	if err != nil {
		state, _ := m.command("systemctl", "status", "iris-broadcast.service", "iris-broadcast.socket").CombinedOutput()
		m.t.Fatalf("%q: %v\n%s\n%s", args, err, said, state)
	}
	return strings.TrimSpace(string(said))
}

// install puts text into a file of the machine.
func (m *machine) install(path, text string) {
	m.t.Helper()
	command := m.command("sh", "-c", `cat >"$0"`, path)
	command.Stdin = strings.NewReader(text)
	output(m.t, command)
}

// property is what systemd knows of the service.
func (m *machine) property(name string) string {
	m.t.Helper()
	return m.run("systemctl", "show", "--value", "-p", name, "iris-broadcast.service")
}
