// scratch: CPU profile of the worker while it pulls
import WebSocket from 'ws';
import {spawn} from 'node:child_process';
import {mkdtempSync, readFileSync, writeFileSync} from 'node:fs';
const [,, web, data, id, posts='10000', poll='500', mode='pull'] = process.argv;
const relay = spawn('/tmp/prof/syncserver', ['--listen','127.0.0.1:0','--data',data,'--web='+web]);
const line = await new Promise(r => relay.stdout.once('data', d => r(String(d))));
const base = line.trim().split(' ').pop().replace('ws:','http:');
const dir = mkdtempSync('/tmp/prof/profile-');
const chrome = spawn('chromium', ['--headless=new','--no-sandbox','--disable-gpu','--disable-dev-shm-usage','--remote-debugging-port=0','--no-first-run','--no-proxy-server','--user-data-dir='+dir,'about:blank']);
const wsurl = await new Promise(r => { let b=''; chrome.stderr.on('data', d => { b+=d; const m=/ws:\/\/\S+/.exec(b); if (m) r(m[0]); }); });
const ws = new WebSocket(wsurl, {perMessageDeflate:false, maxPayload: 1<<30});
await new Promise(r => ws.once('open', r));
let n=0; const waits=new Map(), listeners=[];
ws.on('message', m => { const o=JSON.parse(m); if (o.id) { waits.get(o.id)?.(o); waits.delete(o.id); } else listeners.forEach(f=>f(o)); });
const call=(method, params={}, sessionId)=>new Promise((res,rej)=>{ const id=++n; waits.set(id,o=>o.error?rej(new Error(method+': '+o.error.message)):res(o.result)); ws.send(JSON.stringify({id,method,params,sessionId})); });
let worker;
listeners.push(async o => {
  if (o.method==='Target.attachedToTarget' && o.params.targetInfo.type==='service_worker') {
    const s=o.params.sessionId;
    await call('Profiler.enable',{},s); await call('Profiler.setSamplingInterval',{interval:500},s); await call('Profiler.start',{},s);
    worker=s; call('Runtime.runIfWaitingForDebugger',{},s).catch(()=>{});
  }
});
await call('Target.setAutoAttach',{autoAttach:true,waitForDebuggerOnStart:true,flatten:true, filter:[{type:'service_worker'}]});
const {targetId}=await call('Target.createTarget',{url:'about:blank'});
const {sessionId:page}=await call('Target.attachToTarget',{targetId,flatten:true});
const t0=performance.now();
await call('Page.navigate',{url:base+'/join/'+id},page);
const ev=async e=>{ try { return (await call('Runtime.evaluate',{expression:e,awaitPromise:true,returnByValue:true},page)).result.value; } catch { return null; } };

for(;;){ await new Promise(r=>setTimeout(r,100)); if (await ev(`!!document.querySelector('#q') && fetch("/sync").then(r=>r.text()).then(t=>t.includes("<dd>${posts} posts"))`)) break; }
await new Promise(r=>setTimeout(r,1500));

console.log(await ev(`fetch('/e/${id}').then(r=>r.text())`)); ws.close(); chrome.kill('SIGKILL'); relay.kill(); process.exit(0);
const nodes=new Map(profile.nodes.map(x=>[x.id,x])); const parent=new Map();
for (const x of profile.nodes) for (const c of x.children||[]) parent.set(c,x.id);
const self=new Map(), incl=new Map(); let total=0;
for (let i=0;i<profile.samples.length;i++){ const d=profile.timeDeltas[i]; total+=d; const seen=new Set();
  let x=profile.samples[i]; const nm=nodes.get(x).callFrame.functionName||nodes.get(x).callFrame.url.slice(-20); self.set(nm,(self.get(nm)||0)+d);
  for (;x;x=parent.get(x)){ const k=nodes.get(x).callFrame.functionName; if(!seen.has(k)){seen.add(k); incl.set(k,(incl.get(k)||0)+d);} } }
const top=(m,k)=>[...m].sort((a,b)=>b[1]-a[1]).slice(0,k).map(([a,b])=>`${(b/1e6).toFixed(2)}s ${a}`).join('\n');
console.log('total',total/1e6); console.log('--self\n'+top(self,45)); console.log('--incl\n'+top(incl,140));
ws.close(); chrome.kill('SIGKILL'); relay.kill();
process.exit(0);
