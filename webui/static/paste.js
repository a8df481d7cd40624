// Pasting into a box for a post: code is kept as a code block, and any text can be made a quotation.
import { byID, one } from './dom.js';
import { toast } from './toast.js';

const field = 'textarea[name=body]';

let plain = false; // the key pressed last was Ctrl+Shift+V, which pastes text as it is

// codeLine matches lines that are indented, end as statements do, or begin with a word of a programming language.
const words = 'import |func |def |class |return |const |let |var |(if|for) .*:$';
const codeLine = new RegExp('^(\\t| {2,})\\S|[;{}]\\s*$|^\\s*(//|#include|' + words + ')|=>|:=');

// isCode reports whether pasted text is code: it was copied from an editor or from a code block, or its lines look so.
export function isCode(text, types, html) {
  const lines = text.split('\n').filter(line => line.trim());
  if (lines.length < 2) return false;
  if (types.includes('vscode-editor-data') || /^\s*(<meta[^>]*>|<html>|<body>|<!--StartFragment-->|\s)*<(pre|code)\b/i.test(html)) return true;
  if (lines.some(line => /^\s*([>•]|[-*+] |\d+[.)] )/.test(line))) return false; // a quotation or a list
  const code = lines.filter(line => codeLine.test(line));
  return code.length * 2 >= lines.length;
}

// inBlock reports whether the end of a text is inside a code block.
export const inBlock = before => (before.match(/^ {0,3}(```|~~~)/gm) || []).length % 2 === 1;

// asBlock returns code as a code block that stands on lines of its own between two texts.
export function asBlock(code, before, after) {
  const fence = '`'.repeat(Math.max(3, ...(code.match(/`+/g) || []).map(ticks => ticks.length + 1)));
  const start = !before || before.endsWith('\n') ? '' : '\n';
  return start + fence + '\n' + code.replace(/^\n+|\s+$/g, '') + '\n' + fence + (after.startsWith('\n') ? '' : '\n');
}

// asQuote returns a text as a quotation that stands on lines of its own between two texts.
export function asQuote(text, before, after) {
  const start = !before || before.endsWith('\n\n') ? '' : before.endsWith('\n') ? '\n' : '\n\n';
  const quoted = text.trim().split('\n').map(line => line.trim() ? '> ' + line : '>').join('\n');
  return start + quoted + (after.startsWith('\n\n') ? '' : after.startsWith('\n') ? '\n' : '\n\n');
}

// replace puts a text in place of a part of a box, so that the browser's own undo takes it back.
function replace(box, start, end, text) {
  box.focus();
  box.setSelectionRange(start, end);
  if (!document.execCommand('insertText', false, text)) {
    box.setRangeText(text, start, end, 'end');
    box.dispatchEvent(new Event('input', { bubbles: true }));
  }
}

// replaceWith replaces what was pasted, if it is still there, by make(what, before, after).
function replaceWith(box, start, what, make) {
  const end = start + what.length, all = box.value;
  if (all.slice(start, end) !== what) return;
  return make(what, all.slice(0, start), all.slice(end));
}

function pasted(e) {
  const box = e.target, data = e.clipboardData;
  if (!box.matches?.(field) || !data) return;
  const chooser = !data.types.includes('text/plain') && data.files.length && one('[name=picture]', box.form);
  if (chooser) {
    e.preventDefault();
    chooser.files = data.files;
    chooser.closest('details').open = true;
    byID(chooser.id + '-alt').focus();
    return;
  }
  const text = data.getData('text/plain').replace(/\r\n?/g, '\n');
  const { selectionStart: start, selectionEnd: end, value } = box, before = value.slice(0, start), after = value.slice(end);
  if (plain || !text.includes('\n') && text.length < 80 || inBlock(before) || /^ {0,3}(```|~~~)/m.test(text)) return;
  e.preventDefault();
  const code = isCode(text, [...data.types], data.getData('text/html'));
  const put = code ? asBlock(text, before, after) : text;
  replace(box, start, end, put);
  offer(box, start, put, code ? 'Pasted as code.' : 'Pasted.', code ? () => text : asQuote, code ? 'Paste as text' : 'Quote it');
}

function offer(box, start, put, words, make, label) {
  toast(words, () => {
    const other = replaceWith(box, start, put, make);
    if (other !== undefined) replace(box, start, start + put.length, other);
  }, label);
}

// quoteSelection makes the selected lines a quotation: Ctrl+Shift+. as in other editors.
function quoteSelection(e) {
  const box = e.target;
  if (e.code !== 'Period' || !e.shiftKey || !e.ctrlKey && !e.metaKey || !box.matches?.(field)) return;
  e.preventDefault();
  const start = box.value.lastIndexOf('\n', box.selectionStart - 1) + 1;
  const next = box.value.indexOf('\n', Math.max(box.selectionEnd - 1, start)), end = next < 0 ? box.value.length : next;
  replace(box, start, end, asQuote(box.value.slice(start, end), box.value.slice(0, start), box.value.slice(end)));
}

export function startPaste() {
  document.addEventListener('keydown', e => {
    plain = e.code === 'KeyV' && e.shiftKey && (e.ctrlKey || e.metaKey);
    quoteSelection(e);
  });
  document.addEventListener('paste', pasted);
}
