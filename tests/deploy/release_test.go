package deploy

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"iris-broadcast/tests/harness"
)

// git runs git in dir.
func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	harness.Needs(t, "apt-get install git", "git")
	author := []string{"-c", "user.name=test", "-c", "user.email=test@localhost"}
	command := exec.Command("git", append(author, args...)...)
	command.Dir = dir
	output(t, command)
}

// clone is a git clone of the files as they are now, in one commit.
func clone(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	git(t, dir, "init", "--quiet")
	git(t, dir, "--git-dir="+dir+"/.git", "--work-tree="+harness.Root(), "add", "--all")
	git(t, dir, "commit", "--quiet", "--message=as it is now")
	git(t, dir, "checkout", "--quiet", "--force", ".")
	return dir
}

func TestTheVersionOfACheckoutIsItsCommit(t *testing.T) {
	t.Parallel()
	dir := clone(t)
	commit, err := exec.Command("git", "-C", dir, "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		t.Fatal(err)
	}
	want := "-" + strings.TrimSpace(string(commit))
	for _, dirty := range []string{"", "+dirty"} {
		if dirty != "" {
			write(t, dir, "README.md", "changed")
		}
		binary := filepath.Join(t.TempDir(), "iris-broadcast")
		build := exec.Command("go", "build", "-buildvcs=true", "-o", binary, ".")
		build.Dir = dir
		output(t, build)
		said := output(t, exec.Command(binary, "-version"))
		if !strings.HasPrefix(said, "iris-broadcast 0.0.0-") || !strings.Contains(said, want+dirty+" go1.") {
			t.Errorf("it says %q, want 0.0.0-TIME%s", said, want+dirty)
		}
	}
	if said := output(t, harness.Command(t, "-version")); !strings.HasPrefix(said, "iris-broadcast devel ") {
		t.Errorf("without version control it says %q", said)
	}
}

func TestAReleaseIsReproducibleAndCheckedAndListsWhatIsInIt(t *testing.T) {
	t.Parallel()
	bash := harness.Needs(t, "apt-get install bash", "bash")
	sums := harness.Needs(t, "apt-get install coreutils", "sha256sum")
	// .ci/run has built all packages for this platform already.
	const platform, name = "windows/amd64", "iris-broadcast-windows-amd64"
	first, second := clone(t), t.TempDir()
	git(t, first, "tag", "v1.2.3")
	git(t, second, "clone", "--quiet", first, ".")
	var lists []string
	for _, dir := range []string{first, second} {
		output(t, exec.Command(bash, filepath.Join(dir, "deploy", "release"), platform))
		check := exec.Command(sums, "--check", "--strict", "SHA256SUMS")
		check.Dir = filepath.Join(dir, "dist")
		output(t, check)
		list, err := os.ReadFile(filepath.Join(dir, "dist", "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		lists = append(lists, string(list))
	}
	if lists[0] != lists[1] || strings.Count(lists[0], "\n") != 2 {
		t.Errorf("two builds of one commit differ:\n%s\n%s", lists[0], lists[1])
	}
	binary := filepath.Join(first, "dist", name+".exe")
	info, err := buildinfo.ReadFile(binary)
	if err != nil || info.Main.Version != "v1.2.3" {
		t.Fatalf("the binary's version is %v, %v", info, err)
	}
	listed(t, filepath.Join(first, "dist", name+".cdx.json"), binary, info)

	write(t, first, "main.go", "package main")
	release := exec.Command(bash, filepath.Join(first, "deploy", "release"), platform)
	if said, err := release.CombinedOutput(); err == nil {
		t.Errorf("a checkout with changes is released: %s", said)
	}
}

// listed fails the test unless the SBOM is of that binary and has every module in it.
func listed(t *testing.T, path, binary string, info *buildinfo.BuildInfo) {
	t.Helper()
	type component struct {
		Name, Version, PURL string
		Hashes              []struct{ Alg, Content string }
	}
	var list struct {
		BOMFormat, SpecVersion string
		Metadata               struct{ Component component }
		Components             []component
	}
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil || list.BOMFormat != "CycloneDX" || list.SpecVersion == "" {
		t.Fatalf("%v: %.300s", err, text)
	}
	bytes, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	of := list.Metadata.Component
	sum := fmt.Sprintf("%x", sha256.Sum256(bytes))
	if len(of.Hashes) != 1 || of.Hashes[0].Content != sum || of.Version != "v1.2.3" {
		t.Errorf("the SBOM is of %+v", of)
	}
	have := map[string]bool{}
	for _, c := range list.Components {
		have[c.PURL] = true
	}
	for _, m := range info.Deps {
		if !have["pkg:golang/"+m.Path+"@"+strings.ReplaceAll(m.Version, "+", "%2B")] {
			t.Errorf("the SBOM lacks %s %s", m.Path, m.Version)
		}
	}
	if !have["pkg:golang/std@"+strings.TrimPrefix(info.GoVersion, "go")] || len(info.Deps) < 20 {
		t.Errorf("the SBOM lacks the standard library of %s, or the binary its modules", info.GoVersion)
	}
}
