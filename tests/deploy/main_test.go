// Package deploy runs what lies in deploy/ as an operator does: the units under a real systemd, the configuration in a
// real nginx, the image in a real container, and the release script.
package deploy

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"iris-broadcast/tests/harness"
)

func TestMain(m *testing.M) {
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin") // where Debian puts servers
	harness.PlainMain(m)
}

// file is the text of a file in deploy/, with replacements as strings.NewReplacer takes them. Each must be found.
func file(t *testing.T, name string, oldnew ...string) string {
	t.Helper()
	bytes, err := os.ReadFile(filepath.Join(harness.Root(), "deploy", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(oldnew); i += 2 {
		if !strings.Contains(string(bytes), oldnew[i]) {
			t.Fatalf("%s does not have %q", name, oldnew[i])
		}
	}
	return strings.NewReplacer(oldnew...).Replace(string(bytes))
}

// write writes a file below dir, and returns its path.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// output runs a command and returns what it prints; the test fails if the command does.
func output(t *testing.T, command *exec.Cmd) string {
	t.Helper()
	said, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", command.Args, err, said)
	}
	return string(said)
}

// freePort is a port of this machine that nobody listens on; see harness.Reserve.
func freePort(t *testing.T) string {
	t.Helper()
	listener := harness.Reserve(t)
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// needsRoot skips the test where it cannot have namespaces of its own.
func needsRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		lacks(t, "root")
	}
}

// lacks skips the test on a machine that does not let it have what it needs; with CI=true it fails.
func lacks(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("this test needs %s", what)
	}
	t.Skipf("this test needs %s", what)
}
