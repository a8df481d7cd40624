package slack

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// TestNoWordIsLostInSilence: each word of the form zqN is one that a person could read in Slack. It is in the post's
// text, or listed as left out.
func TestNoWordIsLostInSilence(t *testing.T) {
	for name, raw := range map[string]string{
		"radio buttons":                       `{"text":"","blocks":[{"type":"actions","elements":[{"type":"radio_buttons","action_id":"a","options":[{"text":{"type":"plain_text","text":"zq1"},"description":{"type":"plain_text","text":"zq2"},"value":"v"},{"text":{"type":"plain_text","text":"zq3"},"value":"v"}]}]}]}`,
		"checkboxes beside a section":         `{"text":"","blocks":[{"type":"section","text":{"type":"mrkdwn","text":"zq1"},"accessory":{"type":"checkboxes","options":[{"text":{"type":"mrkdwn","text":"*zq2*"},"value":"v"}]}}]}`,
		"overflow":                            `{"text":"x","blocks":[{"type":"section","text":{"type":"mrkdwn","text":"zq1"},"accessory":{"type":"overflow","options":[{"text":{"type":"plain_text","text":"zq2"}}]}}]}`,
		"select with groups":                  `{"text":"x","blocks":[{"type":"actions","elements":[{"type":"static_select","placeholder":{"type":"plain_text","text":"zq0"},"option_groups":[{"label":{"type":"plain_text","text":"zq1"},"options":[{"text":{"type":"plain_text","text":"zq2"}}]}],"initial_option":{"text":{"type":"plain_text","text":"zq2"}}}]}]}`,
		"button with confirm":                 `{"text":"x","blocks":[{"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":"zq0"},"accessibility_label":"zq3","confirm":{"title":{"type":"plain_text","text":"zq1"},"text":{"type":"mrkdwn","text":"zq2"}}}]}]}`,
		"input":                               `{"text":"","blocks":[{"type":"input","label":{"type":"plain_text","text":"zq1"},"hint":{"type":"plain_text","text":"zq2"},"element":{"type":"plain_text_input","initial_value":"zq3","placeholder":{"type":"plain_text","text":"zq4"}}}]}`,
		"call":                                `{"text":"","blocks":[{"type":"call","call_id":"R1","call":{"v1":{"id":"R1","name":"zq1","display_id":"7"}}}]}`,
		"list items without sections":         `{"text":"","blocks":[{"type":"rich_text","elements":[{"type":"rich_text_list","style":"bullet","elements":[{"type":"text","text":"zq1"},{"type":"rich_text_quote","elements":[{"type":"text","text":"zq2"}]},{"type":"rich_text_preformatted","elements":[{"type":"text","text":"zq3"}]},{"type":"new_thing","words":"zq4"}]}]}]}`,
		"rich text of bare elements":          `{"text":"","blocks":[{"type":"rich_text","elements":[{"type":"text","text":"zq1"},{"type":"link","url":"https://a.example","text":"zq2"}]}]}`,
		"unknown inline":                      `{"text":"","blocks":[{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"citation","text":"zq1","value":"zq2 words"},{"type":"canvas","title":"zq3"}]}]}]}`,
		"rich text as string":                 `{"text":"","blocks":[{"type":"rich_text","elements":"zq1"}]}`,
		"block is a string":                   `{"text":"","blocks":["zq1",{"type":"section","text":"zq2"}]}`,
		"blocks are a string":                 `{"text":"","blocks":"zq1"}`,
		"context of unknown":                  `{"text":"","blocks":[{"type":"context","elements":[{"type":"person","name":"zq1"},{"text":"zq2"},{"type":"image","image_url":"https://a.example/i","alt_text":"zq3","title":{"text":"zq4"}},{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"zq5"}]}]}]}]}`,
		"text as an object":                   `{"text":{"type":"mrkdwn","text":"zq1"}}`,
		"text as a list":                      `{"text":["zq1"]}`,
		"rich text in accessory":              `{"text":"","blocks":[{"type":"section","accessory":{"type":"rich_text_input","initial_value":{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"zq1"}]}]}}}]}`,
		"unknown block, value":                `{"text":"","blocks":[{"type":"alert","text":{"type":"mrkdwn","text":"*zq1*"},"level":"zq0","value":"zq2 words","status":"zq3 words"}]}`,
		"card":                                `{"text":"","blocks":[{"type":"card","title":{"text":"zq1"},"subtitle":{"text":"zq2"},"body":{"text":"zq3"},"hero_image":{"type":"image","alt_text":"zq4","image_url":"https://i.example"},"actions":[{"type":"button","text":{"text":"zq5"}}]}]}`,
		"carousel":                            `{"text":"","blocks":[{"type":"carousel","elements":[{"type":"card","title":{"text":"zq1"}},{"type":"card","body":{"text":"zq2"}}]}]}`,
		"task card":                           `{"text":"","blocks":[{"type":"task_card","task_id":"t","title":"zq1","status":"complete","output":{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"zq2"}]}]},"sources":[{"type":"url","url":"https://a.example","text":"zq3"}]}]}`,
		"plan":                                `{"text":"","blocks":[{"type":"plan","title":"zq1","tasks":[{"task_id":"1","title":"zq2"}]}]}`,
		"video":                               `{"text":"","blocks":[{"type":"video","title":{"type":"plain_text","text":"zq1"},"description":{"type":"plain_text","text":"zq2"},"alt_text":"zq3","author_name":"zq4","provider_name":"zq5","title_url":"https://v.example","video_url":"https://v.example/x","thumbnail_url":"https://v.example/t"}]}`,
		"image":                               `{"text":"","blocks":[{"type":"image","title":{"type":"plain_text","text":"zq1"},"alt_text":"zq2","slack_file":{"id":"F1"}}]}`,
		"file block":                          `{"text":"","blocks":[{"type":"file","external_id":"zq1","source":"remote","file":{"title":"zq2"}}]}`,
		"header and fields":                   `{"text":"","blocks":[{"type":"header","text":{"type":"plain_text","text":"zq1"}},{"type":"section","fields":[{"type":"mrkdwn","text":"zq2"},{"type":"plain_text","text":"zq3"}]}]}`,
		"table with caption":                  `{"text":"","blocks":[{"type":"table","caption":"zq0","rows":[[{"type":"raw_text","text":"zq1"},{"type":"raw_number","value":4,"text":"zq2"}],[{"type":"new","text":{"text":"zq3"}},"zq4"],"zq5"]}]}`,
		"table as data":                       `{"text":"","blocks":[{"type":"data_table","caption":"zq0","columns":[{"label":"zq1"}],"rows":[{"cells":[{"type":"raw_text","text":"zq2"}]}]}]}`,
		"table caption as object":             `{"text":"","blocks":[{"type":"table","caption":{"type":"plain_text","text":"zq0"},"rows":[[{"type":"raw_text","text":"zq1"}]]}]}`,
		"legacy attachment":                   `{"text":"zq0","attachments":[{"pretext":"zq1","author_name":"zq2","author_subname":"zq3","title":"zq4","text":"zq5","fields":[{"title":"zq6","value":"zq7"},"zq8"],"footer":"zq9","fallback":"zq4 zq5","callback_id":"c","actions":[{"name":"n","text":"zq10","type":"select","options":[{"text":"zq11","value":"1"}],"confirm":{"title":"zq12","text":"zq13"}}]}]}`,
		"attachment with unknown fields":      `{"text":"","attachments":[{"text":"zq1","service_name":"zq2","channel_name":"zq3","summary":"zq4","video_html":"<iframe>","message":{"text":"zq6"}}]}`,
		"attachment as a string":              `{"text":"","attachments":["zq1"]}`,
		"unfurl of a page":                    `{"text":"see <https://a.example/x>","attachments":[{"from_url":"https://a.example/x","title":"zq1","text":"what the page says","service_name":"A"}]}`,
		"forwarded with a thread":             `{"text":"","attachments":[{"is_share":true,"author_name":"zq0","channel_name":"zq5","text":"zq1","message_blocks":[{"team":"T","channel":"C","ts":"1.1","message":{"text":"zq2","blocks":[{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"zq3"}]}]}]}}],"footer":"zq4"}]}`,
		"message blocks without blocks":       `{"text":"","attachments":[{"is_share":true,"author_name":"A","message_blocks":[{"message":{"text":"zq1"}}]}]}`,
		"message blocks with text beside":     `{"text":"zq0","attachments":[{"is_msg_unfurl":true,"message_blocks":[{"message":{"text":"zq1","attachments":[{"text":"zq2"}],"files":[{"title":"zq3"}]}}]}]}`,
		"file shapes":                         `{"text":"","files":[{"name":"a.png","title":"zq2","alt_txt":"zq3"},{"mode":"snippet","title":"zq4","preview":"zq5","preview_highlight":"<div>zq5</div>"},{"mode":"post","filetype":"space","title":"zq6","preview":"zq7"},{"mode":"email","filetype":"email","subject":"zq8","title":"zq8","preview_plain_text":"zq9","from":[{"original":"zq10"}]},{"title":"zq11","initial_comment":{"comment":"zq12"}},"zq13"]}`,
		"file comments":                       `{"subtype":"file_comment","text":"x","comment":{"comment":"zq1","user":"U1"},"file":{"title":"zq2","preview":"zq3"}}`,
		"file in the old shape":               `{"text":"zq0","file":{"title":"zq1","initial_comment":{"comment":"zq2"}}}`,
		"files and file":                      `{"text":"","files":[{"title":"zq1"}],"file":{"title":"zq2"}}`,
		"files and x_files":                   `{"text":"","files":[{"id":"F1","title":"zq1"}],"x_files":["F1","Fzq2"]}`,
		"html canvas":                         `{"text":"","files":[{"mode":"quip","filetype":"quip","title":"zq1","preview":"<p>all</p>","plain_text":"zq3"}]}`,
		"audio":                               `{"text":"","files":[{"subtype":"slack_audio","title":"zq1","transcription":{"status":"complete","preview":{"content":"zq2","has_more":true}}}]}`,
		"a poll in metadata":                  `{"text":"","metadata":{"event_type":"poll","event_payload":{"question":"zq1","options":["zq2","zq3"]}}}`,
		"a huddle":                            `{"subtype":"huddle_thread","text":"A huddle started","room":{"name":"zq1"}}`,
		"topic":                               `{"text":"zq1","topic":"zq2"}`,
		"pinned":                              `{"subtype":"pinned_item","text":"pinned","item":{"type":"C","message":{"text":"zq1"}}}`,
		"assistant":                           `{"text":"zq0","assistant_app_thread":{"title":"zq1","title_blocks":[]}}`,
		"text is a summary of the blocks":     `{"text":"zq1 and more zq9","blocks":[{"type":"section","text":{"type":"mrkdwn","text":"zq2"}}]}`,
		"text longer than the rich text":      `{"text":"zq1 zq2 zq3","blocks":[{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"zq1"}]}]}]}`,
		"date with url":                       `{"text":"","blocks":[{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"date","timestamp":1700000000,"fallback":"zq1","url":"https://zq2.example"},{"type":"color","value":"#zq3"},{"type":"team","team_id":"zq4"},{"type":"usergroup","usergroup_id":"zq5"},{"type":"broadcast","range":"zq6"},{"type":"link","url":"https://zq7.example","text":"zq8"},{"type":"channel","channel_id":"zq9"}]}]}]}`,
		"markdown as object":                  `{"text":"","blocks":[{"type":"markdown","text":{"type":"mrkdwn","text":"zq1"}}]}`,
		"header as string":                    `{"text":"","blocks":[{"type":"header","text":"zq1"}]}`,
		"no type":                             `{"text":"","blocks":[{"text":{"text":"zq1"}},{"elements":[{"type":"text","text":"zq2"}]}]}`,
		"section with elements":               `{"text":"","blocks":[{"type":"section","text":{"text":"zq1"},"label":"zq2","expand":true}]}`,
		"share_shortcut":                      `{"text":"","blocks":[{"type":"share_shortcut","function_trigger_id":"x","app_id":"A","company_name":"zq2","title":"zq1"}]}`,
		"condition":                           `{"text":"","blocks":[{"type":"context_actions","elements":[{"type":"feedback_buttons","positive_button":{"text":{"type":"plain_text","text":"zq1"}},"negative_button":{"text":{"type":"plain_text","text":"zq2"}}},{"type":"icon_button","icon":"trash","text":{"type":"plain_text","text":"zq3"}}]}]}`,
		"workflow button":                     `{"text":"","blocks":[{"type":"actions","elements":[{"type":"workflow_button","text":{"type":"plain_text","text":"zq1"},"workflow":{"trigger":{"url":"https://x.example"}}}]}]}`,
		"attachment of attachments":           `{"text":"","attachments":[{"text":"zq1","attachments":[{"text":"zq2","blocks":[{"type":"section","text":{"text":"zq3"}}]}]}]}`,
		"attachment with blocks and fallback": `{"text":"","attachments":[{"fallback":"[no preview available]","blocks":[{"type":"section","text":{"text":"zq1"}},{"type":"image","alt_text":"zq2","image_url":"https://i.example"}]}]}`,
		"attachment repeats":                  `{"text":"zq1 zq2","attachments":[{"text":"zq1","title":"zq3","fields":[{"title":"zq4","value":""}]}]}`,
		"thumb":                               `{"text":"x","attachments":[{"thumb_url":"https://i.example/x.png","author_link":"https://a.example","text":"zq3"}]}`,
	} {
		raw = `{"type":"message","user":"U1","ts":"1773046800.000001",` + strings.TrimPrefix(raw, "{")
		if !json.Valid([]byte(raw)) {
			t.Fatal(name, raw)
		}
		m := one(t, raw)
		said := m.words + fmt.Sprint(m.omitted, m.reasons)
		for _, w := range regexp.MustCompile(`zq\d+`).FindAllString(raw, -1) {
			if !regexp.MustCompile(w + `\b`).MatchString(said) {
				t.Errorf("%s: %s is lost: %q %v %q", name, w, m.words, m.omitted, m.reasons)
			}
		}
	}
}
