package stream_test

import (
	"strings"
	"testing"

	"iris-broadcast/internal/stream"
)

func TestOnlyTheServerPublishesToItsOwnTopics(t *testing.T) {
	for name, instead := range map[string]string{
		"hello": "built-in demo", "time": "built-in demo", "ping": "built-in demo",
		"audits": "POST /api/v1/audits", "comments": "POST /api/v1/comments",
		"$server": "begin with $", "$anything/else": "begin with $",
	} {
		_, err := stream.ParsePublishable(name)
		if e := stream.AsError(err); e.Code != stream.Forbidden || !strings.Contains(e.Detail, instead) {
			t.Errorf("%s: %v, want %s with %q", name, err, stream.Forbidden, instead)
		}
	}
	for _, name := range []string{"news", "hello/x", "audits/eu", "server"} {
		if topic, err := stream.ParsePublishable(name); err != nil || topic.String() != name {
			t.Errorf("%s: %q, %v", name, topic, err)
		}
	}
	if _, err := stream.ParsePublishable("a//b"); stream.AsError(err).Code != stream.Invalid {
		t.Errorf("a topic that is none: %v", err)
	}
}
