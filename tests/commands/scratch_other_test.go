//go:build !linux

package commands

// memory is a folder that is kept in memory; here none is known.
func memory() string { return "" }
