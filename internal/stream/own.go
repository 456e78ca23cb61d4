package stream

// The topics that only the server publishes to. Every topic that begins with "$" is one as well.
var (
	Hello    = MustTopic("hello")    // demo
	Time     = MustTopic("time")     // demo
	Ping     = MustTopic("ping")     // demo
	Audits   = MustTopic("audits")   // package audit
	Comments = MustTopic("comments") // package board
	Server   = MustTopic("$server")  // the server's own figures
)

const (
	demoTopic   = "It is a built-in demo; publish to a topic of your own, such as news."
	dollarTopic = "Topics that begin with $ report on the server itself; publish to a topic of your own, such as news."
)

// own says why nobody else publishes to a topic, and what to do instead.
var own = map[Topic]string{
	Hello:    demoTopic,
	Time:     demoTopic,
	Ping:     demoTopic,
	Audits:   "It carries the audit log; to add a record, POST /api/v1/audits.",
	Comments: "It carries the comment board; to comment, POST /api/v1/comments.",
	Server:   dollarTopic,
}

// ParsePublishable reads the name of a topic that clients may publish to. For a topic of the server's own the error is
// Forbidden, and its detail says what to do instead.
func ParsePublishable(text string) (Topic, error) {
	topic, err := ParseTopic(text)
	if err != nil {
		return Topic{}, err
	}
	instead, isOwn := own[topic]
	if !isOwn && topic.Internal() {
		instead, isOwn = dollarTopic, true
	}
	if isOwn {
		return Topic{}, Errorf(Forbidden, "Only the server publishes to this topic. %s", instead)
	}
	return topic, nil
}
