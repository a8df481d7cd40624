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
await call('Emulation.setDeviceMetricsOverride',{width:+(process.env.W||1280),height:900,deviceScaleFactor:1,mobile:false},page);
const t0=performance.now();
await call('Page.navigate',{url:base+'/join/'+id},page);
const ev=async e=>{ try { return (await call('Runtime.evaluate',{expression:e,awaitPromise:true,returnByValue:true},page)).result.value; } catch { return null; } };

for(;;){ await new Promise(r=>setTimeout(r,100)); if (await ev(`!!document.querySelector('#q') && fetch("/sync").then(r=>r.text()).then(t=>t.includes("<dd>${posts} posts"))`)) break; }
await new Promise(r=>setTimeout(r,1500));
for (let i=0;i<6;i++) {
  await call('Page.navigate',{url:'about:blank'},page); await new Promise(r=>setTimeout(r,300));
  if (i==3 && poll==='1') { await call('Profiler.stop',{},worker); await call('Profiler.start',{},worker); await call('Profiler.enable',{},page); await call('Profiler.setSamplingInterval',{interval:200},page); }
  await call('Page.navigate',{url:base+'/e/'+id},page);
  for(;;){ await new Promise(r=>setTimeout(r,50)); if (await ev('performance.getEntriesByType("navigation")[0]?.loadEventEnd>0 && location.protocol!="about:"')) break; }
  console.log(await ev(`(()=>{const n=performance.getEntriesByType("navigation")[0]; const f=x=>Math.round(x); return JSON.stringify({workerStart:f(n.workerStart),fetchStart:f(n.fetchStart),req:f(n.requestStart),resp:f(n.responseStart),respEnd:f(n.responseEnd),inter:f(n.domInteractive),dcl:f(n.domContentLoadedEventEnd),load:f(n.loadEventEnd), size:n.decodedBodySize})+" ## "+performance.getEntriesByType("resource").map(r=>r.name.split("/").pop().slice(0,14)+":"+f(r.startTime)+"-"+f(r.responseEnd)).join(" ")})()`));
}

await call('Page.navigate',{url:'about:blank'},page); await new Promise(r=>setTimeout(r,500));
const evs=[]; listeners.push(o=>{ if(o.method==='Tracing.dataCollected') evs.push(...o.params.value); });
await call('Tracing.start',{transferMode:'ReportEvents',traceConfig:{includedCategories:['devtools.timeline','v8','blink','disabled-by-default-v8.compile']}});
await call('Page.navigate',{url:base+'/e/'+id},page); await new Promise(r=>setTimeout(r,2500));
const done=new Promise(r=>listeners.push(o=>{ if(o.method==='Tracing.tracingComplete') r(); })); await call('Tracing.end'); await done;
const mainT=evs.filter(e=>e.name==='ParseHTML'&&e.ph!=='I').sort((a,b)=>b.dur-a.dur)[0]; const sum={};
const t0x=evs.filter(e=>e.name==='navigationStart').map(e=>e.ts).sort((a,b)=>b-a)[0];
for (const e of evs) if (e.pid===mainT.pid&&e.tid===mainT.tid&&e.ph==='X'&&e.dur>1000) { (sum[e.name]??=[0,0]); sum[e.name][0]+=e.dur/1000; sum[e.name][1]++; }
console.log(Object.entries(sum).sort((a,b)=>b[1][0]-a[1][0]).slice(0,25).map(([k,v])=>k+' '+v[0].toFixed(1)+'ms x'+v[1]).join('\n'));
console.log(evs.filter(e=>e.pid===mainT.pid&&e.tid===mainT.tid&&e.ph==='X'&&e.dur>4000&&/ParseHTML|Layout|Evaluate|Style|Paint|Commit|PrePaint|UpdateLayoutTree|FunctionCall|v8.compile|RunMicro|GC/.test(e.name)).sort((a,b)=>a.ts-b.ts).map(e=>((e.ts-t0x)/1000).toFixed(0)+' '+e.name+' '+(e.dur/1000).toFixed(1)).join('\n'));
const {profile}=await call('Profiler.stop',{},worker);
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
