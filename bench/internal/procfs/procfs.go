// Package procfs reads what a process and its children cost from Linux's /proc.
package procfs

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of /proc/PID/stat: USER_HZ is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// Tree returns pid and its descendants.
func Tree(pid int) []int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		child, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if fields := statFields(child); len(fields) > 1 {
			parent, _ := strconv.Atoi(fields[1])
			children[parent] = append(children[parent], child)
		}
	}
	tree := []int{pid}
	for i := 0; i < len(tree); i++ {
		tree = append(tree, children[tree[i]]...)
	}
	return tree
}

// statFields is /proc/PID/stat from the state on: the name before it may contain spaces and parentheses.
func statFields(pid int) []string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
}

// CPU is the processes' CPU time, user and system together.
func CPU(pids []int) (sum time.Duration) {
	const user, system = 11, 12
	for _, pid := range pids {
		if fields := statFields(pid); len(fields) > system {
			u, _ := strconv.ParseInt(fields[user], 10, 64)
			s, _ := strconv.ParseInt(fields[system], 10, 64)
			sum += time.Duration(u+s) * tick
		}
	}
	return sum
}

// Memory is the processes' resident memory in bytes. Shared pages count once (Pss), where the kernel reports that.
func Memory(pids []int) (sum int64) {
	for _, pid := range pids {
		n, ok := kilobytes(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Pss:")
		if !ok {
			n, _ = kilobytes(fmt.Sprintf("/proc/%d/status", pid), "VmRSS:")
		}
		sum += n << 10
	}
	return sum
}

// Peak is the process's peak resident memory in bytes, since its start or ResetPeak.
func Peak(pid int) int64 {
	n, _ := kilobytes(fmt.Sprintf("/proc/%d/status", pid), "VmHWM:")
	return n << 10
}

// ResetPeak resets Peak.
func ResetPeak(pid int) error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0)
}

// Written is how many bytes the process has caused to be written to disks: whole pages, counted when they become dirty.
// It works until the process has been waited for.
func Written(pid int) (int64, error) {
	name := fmt.Sprintf("/proc/%d/io", pid)
	b, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, "write_bytes:"); ok {
			return strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no write_bytes", name)
}

func kilobytes(name, key string) (n int64, ok bool) {
	b, err := os.ReadFile(name)
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(b)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == key {
			n, err = strconv.ParseInt(fields[1], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// Listener finds the process that listens on a port of this machine; ok is false if there is none that we may inspect.
func Listener(address netip.AddrPort) (pid int, ok bool) {
	var inodes []string
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		b, _ := os.ReadFile(name)
		inodes = append(inodes, listening(string(b), address.Port())...)
	}
	// Where several processes share the socket, the first is the parent of the rest.
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, link := range links {
		target, err := os.Readlink(link)
		if inode, is := strings.CutPrefix(target, "socket:["); err != nil || !is ||
			!slices.Contains(inodes, strings.TrimSuffix(inode, "]")) {
			continue
		}
		if p, err := strconv.Atoi(strings.Split(link, "/")[2]); err == nil && (!ok || p < pid) {
			pid, ok = p, true
		}
	}
	return pid, ok
}

// listening returns the inodes of the sockets that listen on port, from a table such as /proc/net/tcp.
func listening(table string, port uint16) (inodes []string) {
	const local, state, inode = 1, 3, 9
	const listen = "0A"
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) <= inode || fields[state] != listen {
			continue
		}
		_, digits, _ := strings.Cut(fields[local], ":")
		if b, err := hex.DecodeString(digits); err == nil && len(b) == 2 && uint16(b[0])<<8|uint16(b[1]) == port {
			inodes = append(inodes, fields[inode])
		}
	}
	return inodes
}
