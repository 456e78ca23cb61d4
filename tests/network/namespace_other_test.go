//go:build !linux

package network

func isolate() {}
