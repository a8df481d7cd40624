// Every page works without these scripts. The scripts add: posts that change or
// arrive while a page is open, forms that keep their words when they cannot be saved, and
// drafts. Three rules hold for all of them: what somebody types, selects or reads does not
// move; nothing new is inserted before it is asked for; the page says that something is saved
// only after the program has said so.
import { startBrowser } from './browser.js';
import { addCopyButtons, startCode } from './copy.js';
import { startDrafts } from './drafts.js';
import { startFind } from './find.js';
import { startForms } from './forms.js';
import { startGoto } from './goto.js';
import { startInboxKeys } from './inbox.js';
import { startSiteKeys } from './keys.js';
import { startMentions } from './mention.js';
import { startNotifications } from './notify.js';
import { startPaste } from './paste.js';
import { startQueue } from './queue.js';
import { startSuggestions } from './suggest.js';
import { startStage } from './stage.js';
import { startStream } from './stream.js';
import { startUnread } from './unread.js';
import { startWorker } from './worker.js';

addCopyButtons(document);
startCode();
startSiteKeys();
startGoto();
startInboxKeys();
startQueue();
startStream();
startWorker();
startBrowser();
startForms();
startFind();
startDrafts();
startPaste();
startSuggestions();
startMentions();
startStage();
startUnread();
startNotifications();
