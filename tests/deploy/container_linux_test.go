package deploy

import (
	"bufio"
	"debug/elf"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"iris-broadcast/tests/harness"
)

// engine is podman in namespaces of its own, with storage of its own.
type engine struct {
	t     *testing.T
	enter []string // the command that enters the namespaces and runs podman
}

// newEngine starts the namespaces. What podman keeps in /run and /dev/shm goes with them.
func newEngine(t *testing.T) *engine {
	t.Helper()
	needsRoot(t)
	podman := harness.Needs(t, "apt-get install podman crun", "podman")
	harness.Needs(t, "apt-get install podman crun", "crun")
	command := exec.Command("sh", "-c", `echo $$ >"$0/cgroup.procs"; exec unshare --mount --cgroup sh -ec '
		mount --make-rprivate /
		umount -l /sys/fs/cgroup
		mount -t cgroup2 cgroup2 /sys/fs/cgroup
		mount -t tmpfs tmpfs /run
		mount -t tmpfs tmpfs /dev/shm
		echo ready
		exec cat'`, group(t))
	stdin, err := command.StdinPipe() // cat reads it until it is closed
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		command.Wait()
	})
	if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatal(line, err)
	}
	dir := t.TempDir()
	e := &engine{t, []string{"nsenter", "-t", fmt.Sprint(command.Process.Pid), "-m", "-C", "--", podman,
		"--root", dir, "--runroot", "/run/containers", "--storage-driver", "vfs",
		"--cgroup-manager", "cgroupfs", "--runtime", "crun", "--events-backend", "file"}}
	t.Cleanup(func() { e.command("rm", "--all", "--force", "--time", "0").Run() })
	return e
}

func (e *engine) command(args ...string) *exec.Cmd {
	return exec.Command(e.enter[0], append(e.enter[1:len(e.enter):len(e.enter)], args...)...)
}

// run runs podman and returns what it prints on standard output.
func (e *engine) run(args ...string) string {
	e.t.Helper()
	command := e.command(args...)
	var said strings.Builder
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		e.t.Fatalf("podman %q: %v\n%s%s", args, err, out, said.String())
	}
	return strings.TrimSpace(string(out))
}

// dist is a folder as deploy/release fills it, with a binary for this machine. That binary differs from a release's
// in how it becomes static, so that its packages are those that other tests have built already.
func dist(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "iris-broadcast-linux-"+runtime.GOARCH)
	args := []string{"build", "-buildvcs=false", "-o", binary}
	if cgo, _ := exec.Command("go", "env", "CGO_ENABLED").Output(); strings.TrimSpace(string(cgo)) == "1" {
		args = append(args, "-ldflags=-linkmode=external -extldflags=-static")
	}
	build := exec.Command("go", append(args, ".")...)
	build.Dir = harness.Root()
	output(t, build)
	program, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	for _, p := range program.Progs {
		if p.Type == elf.PT_INTERP {
			t.Fatal("the binary is not static")
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// documented are the arguments of a podman command in the Containerfile's comment.
func documented(t *testing.T, verb string) []string {
	t.Helper()
	text := strings.ReplaceAll(file(t, "Containerfile"), "\\\n#", "")
	line := regexp.MustCompile(`(?m)^# +podman (` + verb + ` .*)$`).FindStringSubmatch(text)
	if line == nil {
		t.Fatalf("the Containerfile does not say how to %s it", verb)
	}
	return strings.Fields(line[1])
}

func TestTheContainerRunsWithoutRightsAndKeepsItsEvents(t *testing.T) {
	t.Parallel()
	e, port := newEngine(t), freePort(t)
	build := documented(t, "build")
	build[len(build)-1] = dist(t)
	for i, arg := range build {
		if arg == "deploy/Containerfile" {
			build[i] = filepath.Join(harness.Root(), arg)
		}
	}
	e.run(append([]string{"build", "--isolation", "chroot"}, build[1:]...)...)
	run := strings.Join(documented(t, "run"), " ")
	if !strings.Contains(run, "--read-only") || !strings.Contains(run, " -p 127.0.0.1:8080:8080 ") {
		t.Fatalf("it is run by %s", run)
	}
	// A network, control groups and limits of its own need more than a test may have.
	run = strings.Replace(run, "-p 127.0.0.1:8080:8080", "--network host --cgroups disabled --no-healthcheck "+
		"--ulimit nofile=1024:1024 --ulimit nproc=4096:4096 -e BROADCAST_ADDR=:"+port, 1)
	e.run(strings.Fields(run)...)

	s := harness.At(t, "http://127.0.0.1:"+port)
	var health []string
	check := e.run("image", "inspect", "--format", "{{json .HealthCheck.Test}}", "iris-broadcast")
	if err := json.Unmarshal([]byte(check), &health); err != nil || len(health) < 2 || health[0] != "CMD" {
		t.Fatalf("the health check is %s, %v", check, err)
	}
	harness.Eventually(t, "the container is healthy", func() bool {
		return e.command(append([]string{"exec", "broadcast"}, health[1:]...)...).Run() == nil
	})
	elsewhere := append([]string{"exec", "-e", "BROADCAST_ADDR=:1", "broadcast"}, health[1:]...)
	if e.command(elsewhere...).Run() == nil {
		t.Error("the health check passes where nothing answers")
	}
	s.Publish("news", "kept")

	proc := "/proc/" + e.run("inspect", "--format", "{{.State.Pid}}", "broadcast")
	status, _ := os.ReadFile(proc + "/status")
	mounts, _ := os.ReadFile(proc + "/mountinfo")
	for pattern, text := range map[string][]byte{
		`(?m)^Uid:\t65532\t65532\t65532\t65532$`: status,
		`(?m)^CapEff:\t0+$`:                      status,
		`(?m)^\S+ \S+ \S+ \S+ / ro[, ]`:          mounts,
	} {
		if !regexp.MustCompile(pattern).Match(text) {
			t.Errorf("%s does not match\n%s", pattern, text)
		}
	}
	e.run("stop", "broadcast")
	if code := e.run("inspect", "--format", "{{.State.ExitCode}}", "broadcast"); code != "0" {
		t.Errorf("it ends with %s: %s", code, e.run("logs", "broadcast"))
	}
	e.run("start", "broadcast")
	harness.Eventually(t, "the container is healthy again", func() bool {
		return e.command(append([]string{"exec", "broadcast"}, health[1:]...)...).Run() == nil
	})
	if _, list := s.Do("GET", "/events/news", "", "Accept: application/json"); !strings.Contains(list, `"kept"`) {
		t.Errorf("after a restart it has %s", list)
	}
}
