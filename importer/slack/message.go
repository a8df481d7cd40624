package slack

import (
	"bytes"
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"flyleaf/qa"
)

// message is one element of a file, and the result of reading it.
type message struct {
	Type, Subtype, User, BotID, Username, Text, TS, ThreadTS, DeletedTS string

	UserProfile user // as the message names its writer, when users.json does not
	Edited      bool
	EditedTS    string
	Reactions   []reaction
	// body has the fields in wordFields. They are decoded when they are needed.
	body node
	// copies are other messages inside this one: the question of a reply that was also sent to
	// the channel, or a message after an edit.
	copies []json.RawMessage

	// unread are the words in unknown fields, by field.
	unread map[string]string

	file     string
	index    int
	within   string // see Outcome.Within
	result   Result // "": not yet decided
	reasons  []string
	omitted  []Omitted
	week     string
	position int    // in reader.messages
	words    string // Markdown
	notice   bool   // written by Slack itself: counted, not listed
	deleted  bool   // a tombstone, or another entry says that it was deleted
	name     string // of a bot, or of a writer without a user; "": see reader.users
	botName  string // in the bot's profile, which newer messages have
}

type reaction struct {
	Name  string
	Users []string
	Count int
}

// wordFields are the fields of a message that can have words.
var wordFields = []string{"text", "blocks", "attachments", "files", "file", "x_files"}

// messageFields are the fields of a message that are read or have no words of a person.
var messageFields = setOf(`type subtype user bot_id username text ts thread_ts deleted_ts bot_profile user_profile edited
	reactions blocks attachments files file x_files root message comment previous_message
	client_msg_id team user_team source_team parent_user_id reply_count reply_users reply_users_count latest_reply replies
	subscribed last_read is_locked is_starred pinned_to pinned_info permalink icons channel event_ts hidden display_as_bot
	upload upload_reply_to inviter members no_notifications saved slackdump_thread_replies`)

// readMessage reads one element, field by field. An element that is not a message is skipped.
func readMessage(file string, index int, raw json.RawMessage) *message {
	m := &message{file: file, index: index}
	n, ok := newNode(raw)
	if !ok {
		m.skip("it is not a message as Slack writes them, but %s", beginning(string(raw)))
		return m
	}
	m.Type, m.Subtype, m.BotID = n.text("type"), n.text("subtype"), n.text("bot_id")
	p := n.object("user_profile")
	if v := n.value("user"); len(v) > 0 && v[0] == '{' { // some programs put the entry of users.json there
		u := n.object("user")
		m.User = u.text("id")
		if len(p.raw) == 0 {
			p = u
		}
	} else {
		m.User = n.text("user")
	}
	m.Username, m.Text = n.text("username"), n.text("text")
	m.botName = oneLine(n.object("bot_profile").text("name"))
	m.TS, m.ThreadTS, m.DeletedTS = canonicalTS(n.text("ts")), canonicalTS(n.text("thread_ts")), canonicalTS(n.text("deleted_ts"))
	m.UserProfile = user{Display: oneLine(p.text("display_name")), Real: oneLine(p.text("real_name")), Handle: oneLine(p.text("name"))}
	if len(n.value("edited")) > 0 {
		m.Edited = true
		m.EditedTS = canonicalTS(n.object("edited").text("ts"))
	}
	for _, x := range n.objects("reactions") {
		m.Reactions = append(m.Reactions, reaction{Name: x.text("name"), Users: x.texts("users"), Count: x.count("count")})
	}
	m.body = node{raw: map[string]json.RawMessage{}, odd: n.odd}
	for _, key := range wordFields {
		if v := n.value(key); len(v) > 0 {
			m.body.raw[key] = v
		}
	}
	m.unread = n.unread(messageFields)
	for _, key := range []string{"root", "message"} { // "message" occurs in message_changed and message_replied
		if v := n.value(key); len(v) > 0 {
			m.copies = append(m.copies, v)
		}
	}
	if m.Subtype == "file_comment" {
		c := n.object("comment")
		if words := c.text("comment"); words != "" {
			m.Text = words
		}
		m.User = cmp.Or(m.User, c.text("user"))
	}
	return m
}

// threadReplies returns the replies that slackdump and other programs nest in the message
// that opens a thread. Slack itself lists only who replied and when.
func threadReplies(raw json.RawMessage) []json.RawMessage {
	if !bytes.Contains(raw, []byte(`replies"`)) {
		return nil
	}
	n, _ := newNode(raw)
	out := n.list("slackdump_thread_replies")
	for _, reply := range n.list("replies") {
		if r, ok := newNode(reply); ok && len(r.value("text"))+len(r.value("blocks"))+len(r.value("attachments"))+len(r.value("files")) > 0 {
			out = append(out, reply)
		}
	}
	return out
}

// skip decides that the message is not imported. The arguments are the reason.
func (m *message) skip(format string, args ...any) {
	m.result = Skipped
	m.note(format, args...)
}

// note adds a reason to the message's outcome.
func (m *message) note(format string, args ...any) {
	m.reasons = append(m.reasons, sprintf(format, args...))
}

// noteOnce is note, except that it adds a reason only once. Several pieces of a message can have the
// same reason.
func (m *message) noteOnce(format string, args ...any) {
	if s := sprintf(format, args...); !slices.Contains(m.reasons, s) {
		m.reasons = append(m.reasons, s)
	}
}

// maxKinds bounds the kinds of omitted pieces of one message. Further kinds are counted together as
// "other piece".
const maxKinds = 50

// maxOmitted is the maximum number of characters kept of an omitted piece: enough for the options
// of a poll.
const maxOmitted = 500

// omit notes a piece of the message that is not imported.
func (m *message) omit(kind, text string) {
	text = beginningOf(text, maxOmitted)
	if len(m.omitted) >= maxKinds {
		kind = "other piece"
	}
	for i := range m.omitted {
		if l := &m.omitted[i]; l.Kind == kind {
			l.Count++
			if text != "" && len(l.Text) < 2*maxOmitted {
				l.Text = strings.Join(nonEmpty(l.Text, text), "; ")
			}
			return
		}
	}
	m.omitted = append(m.omitted, Omitted{Kind: kind, Count: 1, Text: text})
}

// included reports whether the message is, or may still become, a post.
func (m *message) included() bool { return m.result == "" || m.result == Question || m.result == Reply }

// stamp matches a ts: seconds since 1970, and a part that makes it unique.
var stamp = regexp.MustCompile(`^(\d{1,11})\.(\d{1,9})$`)

// canonicalTS writes a ts as Slack does, with six digits after the point. Programs that read
// it as a number have removed zeros. A ts that is not a time is returned as it is.
func canonicalTS(ts string) string {
	whole, frac, _ := strings.Cut(ts, ".")
	if strings.ContainsAny(ts, "eE") {
		if f, err := strconv.ParseFloat(ts, 64); err == nil && f > 0 && f < 1e11 {
			whole, frac, _ = strings.Cut(strconv.FormatFloat(f, 'f', 6, 64), ".")
		}
	}
	if len(frac) < 6 {
		frac += "000000"[len(frac):]
	}
	if s := whole + "." + frac; stamp.MatchString(s) {
		return s
	}
	return ts
}

// millis returns the time of a ts in milliseconds since 1970, and false if it is not a time.
func millis(ts string) (int64, bool) {
	p := stamp.FindStringSubmatch(ts)
	if p == nil {
		return 0, false
	}
	s, err := strconv.ParseInt(p[1], 10, 64)
	if err != nil {
		return 0, false
	}
	frac, err := strconv.ParseInt((p[2] + "000")[:3], 10, 64)
	return s*1000 + frac, err == nil
}

// slackbot writes notices and tombstones.
const slackbot = "USLACKBOT"

// notices are the subtypes of messages without words of a person, each with the reason why
// it is not imported.
var notices = map[string]string{
	"channel_join": "somebody joined", "group_join": "somebody joined",
	"channel_leave": "somebody left", "group_leave": "somebody left",
	"joiner_notification": "somebody joined", "joiner_notification_for_inviter": "somebody joined",
	"channel_topic": "a notice of the chat", "channel_purpose": "a notice of the chat", "channel_name": "a notice of the chat",
	"channel_archive": "a notice of the chat", "channel_unarchive": "a notice of the chat", "channel_posting_permissions": "a notice of the chat",
	"channel_convert_to_private": "a notice of the chat", "channel_convert_to_public": "a notice of the chat",
	"group_topic": "a notice of the chat", "group_purpose": "a notice of the chat", "group_name": "a notice of the chat",
	"group_archive": "a notice of the chat", "group_unarchive": "a notice of the chat",
	"pinned_item": "a notice of the chat", "unpinned_item": "a notice of the chat",
	"bot_add": "a notice of the chat", "bot_remove": "a notice of the chat", "app_conversation_join": "a notice of the chat",
	"reminder_add": "a notice of the chat", "reminder": "a notice of the chat", "sh_room_created": "a notice of the chat", "huddle_thread": "a notice of the chat",
	"tabbed_canvas_updated": "a notice of the chat", "channel_canvas_updated": "a notice of the chat", "bot_disable": "a notice of the chat", "bot_enable": "a notice of the chat",
	"slackbot_response": "Slackbot's words", "ekm_access_denied": "its words are encrypted",
	"reply_broadcast": "it only points to a reply, which is in its thread", "message_replied": "it only says that there is a reply",
	"thread_locked": "a notice of the chat",
}

// personal are the subtypes of messages that people write.
var personal = map[string]bool{
	"": true, "thread_broadcast": true, "me_message": true, "file_share": true, "file_mention": true, "document_mention": true, "channel_mention": true,
	"file_comment": true,
}

// classify decides what a message is, without looking at its thread. If the message reports that
// another message was deleted or edited, it records that in deleted or edited.
func (r *reader) classify(m *message, deleted map[string]bool, edited map[string]*message) {
	if !m.included() {
		return
	}
	if m.Type != "message" && m.Type != "" {
		m.skip("an entry of the type %q, not a message", beginning(m.Type))
		return
	}
	switch m.Subtype {
	case "message_changed":
		var now *message
		if len(m.copies) > 0 {
			now = readMessage(m.file, m.index, m.copies[len(m.copies)-1])
		}
		if now == nil || now.TS == "" {
			m.skip("it says that a message was edited, but not which one")
			return
		}
		edited[now.TS] = now
		m.skip("it says that the message %s was edited; that message has the new text", now.TS)
		return
	case "message_deleted":
		deleted[m.DeletedTS] = true
		m.copies = nil
		m.skip("it says that the message %s was deleted", beginning(m.DeletedTS))
		return
	}
	if _, ok := millis(m.TS); !ok {
		m.skip("its ts %q is not a time", beginning(m.TS))
		return
	}
	if first := r.byTS[m.TS]; first != nil {
		if first.included() && m.EditedTS > first.EditedTS && m.Subtype != "tombstone" {
			first.Text, first.body, first.Edited, first.EditedTS = m.Text, m.body, true, m.EditedTS
		}
		m.skip("the same message again (%s)", first.where())
		return
	}
	r.byTS[m.TS] = m
	if m.Subtype == "tombstone" {
		m.deleted = true
		m.skip("it was deleted in Slack")
		return
	}
	if reason, ok := notices[m.Subtype]; ok {
		m.notice = true
		m.skip("%s", reason)
		return
	}
	u, known := r.users[m.User]
	switch {
	case m.User == slackbot:
		m.skip("Slackbot's words")
	case m.Subtype == "bot_message" || m.User == "" && m.BotID != "" || known && u.Bot:
		m.name = cmp.Or(oneLine(m.Username), m.botName)
		if !r.opts.KeepBots {
			m.skip("it was written by a bot (--bots imports such messages)")
		}
	case m.User == "" && m.UserProfile.name() != "":
		m.name = m.UserProfile.name()
	case m.User == "":
		m.skip("no writer")
	case !personal[m.Subtype]:
		m.note("its subtype %q is not known; it was imported because a person wrote it", beginning(m.Subtype))
	}
}

// addCopies adds messages that the export has only as copies inside other messages: the
// question of a reply that was also sent to the channel, a message that was edited.
func (r *reader) addCopies(deleted map[string]bool, edited map[string]*message) {
	var all []*message
	for _, m := range r.messages {
		all = append(all, m)
		for _, raw := range m.copies {
			c := readMessage(m.file, m.index, raw)
			_, ok := millis(c.TS)
			if !ok || r.byTS[c.TS] != nil || deleted[c.TS] || len(r.messages) >= MaxMessages {
				continue
			}
			c.Type, c.within, c.copies = "message", "copy", nil
			if r.classify(c, deleted, edited); c.included() {
				c.note("the export has it only as a copy inside this entry")
			}
			all = append(all, c)
		}
	}
	r.messages = all
}

// where says where in the export the message is.
func (m *message) where() string {
	o := Outcome{File: m.file, Index: m.index, Within: m.within}
	return o.Where()
}

// thread is a question with its replies, by time.
type thread struct {
	ts      string
	at      int64
	lead    *message // the question; nil when the export does not have it
	replies []*message
}

// buildThreads puts the messages into threads, by thread_ts alone.
func (r *reader) buildThreads() {
	deleted, edited := map[string]bool{}, map[string]*message{}
	for _, m := range r.messages {
		r.classify(m, deleted, edited)
	}
	r.addCopies(deleted, edited)
	r.deleted = deleted
	for ts := range deleted {
		if m := r.byTS[ts]; m != nil && m.included() {
			m.deleted = true
			m.skip("it was deleted in Slack")
		}
	}
	for ts, now := range edited {
		if m := r.byTS[ts]; m != nil && m.included() && now.Subtype != "tombstone" {
			m.Text, m.body, m.Edited = now.Text, now.body, true
		}
	}
	for i, m := range r.messages {
		m.position = i
		if m.words = r.markdown(m); m.result != "" || m.deleted {
			continue
		}
		if m.Edited {
			m.note("edited in Slack; the export has the last text only")
		}
	}
	by := map[string]*thread{}
	open := func(ts string) *thread {
		t := by[ts]
		if t == nil {
			at, _ := millis(ts)
			t = &thread{ts: ts, at: at, lead: r.byTS[ts]}
			by[ts] = t
			r.threads = append(r.threads, t)
		}
		return t
	}
	for _, m := range r.messages {
		if r.byTS[m.TS] != m {
			continue // it appears twice, or its ts is not a time; its outcome says so
		}
		if m.ThreadTS == "" || m.ThreadTS == m.TS {
			open(m.TS)
			continue
		}
		if _, ok := millis(m.ThreadTS); !ok {
			m.note("its thread_ts %q is not a time; it was imported as a question", beginning(m.ThreadTS))
			open(m.TS)
			continue
		}
		t := open(m.ThreadTS)
		t.replies = append(t.replies, m)
	}
	// Replies to a reply, by thread_ts, belong to the thread of that reply.
	kept := r.threads[:0]
	for _, t := range r.threads {
		if t.lead != nil && t.lead.ThreadTS != "" && t.lead.ThreadTS != t.ts && by[t.lead.ThreadTS] != nil && by[t.lead.ThreadTS] != t {
			if up := by[t.lead.ThreadTS]; up.lead == nil || up.lead.ThreadTS == "" || up.lead.ThreadTS == up.ts {
				up.replies = append(up.replies, t.replies...)
				continue
			}
		}
		kept = append(kept, t)
	}
	r.threads = kept
	for _, t := range r.threads { // with several folders, or an archive, files are not in the order of time
		slices.SortStableFunc(t.replies, func(a, b *message) int {
			at, _ := millis(a.TS)
			bt, _ := millis(b.TS)
			return cmp.Or(cmp.Compare(at, bt), cmp.Compare(a.TS, b.TS))
		})
	}
}

// writer identifies who wrote the message: a user by ID, or a bot by its ID and name.
func (m *message) writer() string {
	if m.User != "" && m.User != slackbot && m.name == "" {
		return m.User
	}
	return "bot " + m.BotID + m.name
}

// nameWriters chooses the name of each writer: the display name, or else the real name. Two
// writers with the same name get an addition.
func (r *reader) nameWriters() {
	r.names = map[string]string{}
	who := map[string]user{}
	for _, m := range r.messages {
		w := m.writer()
		u, ok := r.users[m.User]
		if m.User == slackbot {
			u = user{Display: "Slackbot"}
		} else if !ok || u.name() == "" {
			u = m.UserProfile
		}
		if m.name != "" {
			u = user{Display: m.name}
		}
		if old, seen := who[w]; !seen || old.name() == "" {
			who[w] = u
		}
	}
	same := map[string]int{}
	for w, u := range who {
		n := u.name()
		if n == "" {
			n = w
		}
		r.names[w] = clip(n)
		same[strings.ToLower(r.names[w])]++
	}
	for w, u := range who {
		n := r.names[w]
		if same[strings.ToLower(n)] < 2 {
			continue
		}
		for _, more := range []string{u.Real, u.Handle, w} {
			if more != "" && !strings.EqualFold(more, n) {
				r.names[w] = clip(n + " (" + more + ")")
				break
			}
		}
	}
}

func (r *reader) nameOf(m *message) string { return r.names[m.writer()] }

// monday returns the first moment of the week that contains ms, in Options.Zone.
func (r *reader) monday(ms int64) time.Time {
	t := time.UnixMilli(ms).In(r.opts.Zone)
	back := (int(t.Weekday()) + 6) % 7
	return time.Date(t.Year(), t.Month(), t.Day()-back, 0, 0, 0, 0, r.opts.Zone)
}

// reactionsOf returns the reactions of a message as the X of its post.
func (r *reader) reactionsOf(m *message) map[string]string {
	var rs []qa.ImportedReaction
	for _, x := range m.Reactions {
		one := qa.ImportedReaction{Emoji: emojiOr(x.Name), Count: max(x.Count, len(x.Users))}
		if one.Count < 1 || one.Emoji == "" || len(one.Emoji) > maxEmoji {
			m.note("the reaction %q was left out", beginning(x.Name))
			continue
		}
		for _, id := range x.Users {
			if n := cmp.Or(r.names[id], r.users[id].name()); n != "" {
				one.By = append(one.By, n)
			}
		}
		rs = append(rs, one)
	}
	value, left := qa.EncodeReactions(rs)
	if left > 0 {
		m.note("%d kinds of reactions were dropped: too many for one post", left)
	}
	if value == "" {
		return nil
	}
	m.note("%d kinds of reactions are shown as Slack reactions and do not count as votes", len(rs)-left)
	return map[string]string{qa.XReactions: value}
}
