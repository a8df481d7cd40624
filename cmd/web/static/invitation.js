// Addresses that lead to an event at the relay of this site. The first page imports this file
// as a module and the Service Worker as a script, so it exports nothing and defines global
// functions. Their argument address is a URL or a Location; base is the path of the app
// without a slash at its end.
'use strict';

// relayAt returns the address of the relay at this site.
globalThis.relayAt = ({protocol, host}, base) => `${protocol === 'https:' ? 'wss' : 'ws'}://${host}${base}`;

// joinInvitation returns the invitation in a link /join/EVENT, with the secret behind the #
// of the link if it has one. It returns '' for any other address.
globalThis.joinInvitation = (address, base) => {
  const event = eventIn(address, base, /^\/join\/([0-9A-Za-z]+)$/);
  return event && `flyleaf:${event}@${relayAt(address, base)}${address.hash.length > 1 ? address.hash : ''}`;
};

// pageInvitation returns the invitation to the event of a page /e/EVENT or below. It returns
// '' for any other address.
globalThis.pageInvitation = (address, base) => {
  const event = eventIn(address, base, /^\/e\/([0-9A-Za-z]+)(?:\/|$)/);
  return event && `flyleaf:${event}@${relayAt(address, base)}`;
};

function eventIn({pathname}, base, pattern) {
  const [, event] = pathname.startsWith(base + '/') && pathname.slice(base.length).match(pattern) || [];
  return event ?? '';
}
