package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"flyleaf/qa"
	"flyleaf/storage"
)

// Data that stays on this device is stored as settings.
const (
	settingPages  = "web/"        // + name: a setting of the pages
	settingDrafts = "web/drafts/" // + event: its drafts, as JSON
	settingLater  = "later/"      // + EVENT/POST: when the question was saved for later, in ms, and until when, if there is a time
	settingDigest = "digest"      // DigestState, as JSON
	settingRead   = "read/"       // + event: what the user has read, see storedRead
)

// MaxDrafts is the maximum number of drafts stored for one event.
const MaxDrafts = 200

// setting returns "" for a setting that was never set.
func (d *Device) setting(ctx context.Context, key string) (string, error) {
	v, err := d.store.Setting(ctx, key)
	if errors.Is(err, storage.ErrNotFound) {
		return "", nil
	}
	return v, err
}

// setSetting deletes the setting if value is "".
func (d *Device) setSetting(ctx context.Context, key, value string) error {
	if value == "" {
		return d.store.DeleteSetting(ctx, key)
	}
	return d.store.SetSetting(ctx, key, value)
}

func (d *Device) Setting(ctx context.Context, key string) (string, error) {
	return d.setting(ctx, settingPages+key)
}

func (d *Device) SetSetting(ctx context.Context, key, value string) error {
	return d.setSetting(ctx, settingPages+key, value)
}

func (d *Device) SavedForLater(ctx context.Context, event qa.EventID) (qa.Postponed, error) {
	prefix := settingLater + string(event) + "/"
	all, err := d.store.Settings(ctx, prefix)
	if err != nil {
		return nil, err
	}
	out := make(qa.Postponed, len(all))
	for key, value := range all {
		_, until, _ := strings.Cut(value, " ")       // an earlier version wrote no time
		millis, _ := strconv.ParseInt(until, 10, 64) // without a valid time, the user moves it back
		out[qa.PostID(strings.TrimPrefix(key, prefix))] = millis
	}
	return out, nil
}

func (d *Device) SaveForLater(ctx context.Context, event qa.EventID, post qa.PostID, on bool, untilMillis int64) error {
	key, value := settingLater+string(event)+"/"+string(post), ""
	if on {
		value = strconv.FormatInt(d.nowMillis(), 10)
	}
	if on && untilMillis != 0 {
		value += " " + strconv.FormatInt(untilMillis, 10)
	}
	return d.setSetting(ctx, key, value)
}

// Empty reports whether the draft has no content.
func (d *Draft) Empty() bool {
	return strings.TrimSpace(d.Text) == "" && strings.TrimSpace(d.OnBehalfOf) == "" && strings.TrimSpace(d.Tags) == ""
}

func (d *Device) Drafts(ctx context.Context, event qa.EventID) (map[string]Draft, error) {
	text, err := d.setting(ctx, settingDrafts+string(event))
	if err != nil {
		return nil, err
	}
	out := map[string]Draft{}
	if text == "" || json.Unmarshal([]byte(text), &out) != nil {
		return map[string]Draft{}, nil
	}
	return out, nil
}

func (d *Device) SetDraft(ctx context.Context, event qa.EventID, key string, draft Draft) error {
	d.drafts.Lock()
	defer d.drafts.Unlock()
	all, err := d.Drafts(ctx, event)
	if err != nil {
		return err
	}
	if _, had := all[key]; !had && draft.Empty() {
		return nil
	}
	delete(all, key)
	if !draft.Empty() {
		for len(all) >= MaxDrafts {
			oldest := ""
			for k, v := range all {
				if oldest == "" || v.AtMillis < all[oldest].AtMillis {
					oldest = k
				}
			}
			delete(all, oldest)
		}
		draft.AtMillis = d.nowMillis()
		all[key] = draft
	}
	b, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return d.store.SetSetting(ctx, settingDrafts+string(event), string(b))
}

func (d *Device) DigestState(ctx context.Context) (DigestState, error) {
	var state DigestState
	s, err := d.setting(ctx, settingDigest)
	if err != nil || s == "" {
		return state, err
	}
	if err := json.Unmarshal([]byte(s), &state); err != nil {
		return state, fmt.Errorf("the record of earlier digests cannot be read: %w", err)
	}
	return state, nil
}

func (d *Device) SetDigestState(ctx context.Context, state DigestState) error {
	s, err := json.Marshal(state)
	if err != nil {
		return err
	}
	return d.store.SetSetting(ctx, settingDigest, string(s))
}
