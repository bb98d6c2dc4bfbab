"""The page "what the phones received": one self-contained document, kept in Python so that it is always packed."""

from __future__ import annotations

PAGE = """<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>暖哨 · 手机收到了什么</title>
<style>
:root {
  --ground: #eef1f5; --ink: #1a2230; --soft: #69758a; --line: #dde3eb; --shell: #fff; --screen: #f4f6f9;
  --bubble: #fff; --mine: #c9efd3; --mine-ink: #12391f; --warm: #d9480f; --ok: #2b8a3e; --bad: #c92a2a;
  --shadow: 0 1px 2px rgb(20 30 50 / 6%), 0 8px 24px rgb(20 30 50 / 8%);
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #10141b; --ink: #e7ecf4; --soft: #93a0b5; --line: #2a3341; --shell: #1a212c; --screen: #141a23;
    --bubble: #222b38; --mine: #1f5133; --mine-ink: #d8f5e1; --warm: #ff8a4c; --ok: #69db7c; --bad: #ff8787;
    --shadow: 0 8px 24px rgb(0 0 0 / 35%);
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.6 "PingFang SC", "Noto Sans CJK SC", "Noto Sans SC", "Microsoft YaHei", system-ui, sans-serif;
}
header {
  position: sticky; top: 0; z-index: 1; background: var(--ground); border-bottom: 1px solid var(--line);
  padding: 14px 20px; display: flex; flex-wrap: wrap; gap: 6px 20px; align-items: center;
}
h1 { font-size: 19px; margin: 0; font-weight: 650; }
h1 small { display: block; font-size: 12.5px; font-weight: 400; color: var(--soft); line-height: 1.4; }
#counts { margin-left: auto; display: flex; gap: 16px; color: var(--soft); font-size: 13px; align-items: center; }
#counts b { color: var(--ink); font-variant-numeric: tabular-nums; font-size: 16px; }
#live { width: 8px; height: 8px; border-radius: 50%; background: var(--ok); display: inline-block; margin-right: 6px; }
#live.lost { background: var(--bad); }
input {
  font: inherit; font-size: 14px; padding: 5px 12px; border: 1px solid var(--line); border-radius: 99px;
  background: var(--shell); color: inherit; width: 190px;
}
main {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(320px, 1fr)); gap: 18px; padding: 20px;
  max-width: 1500px; margin: 0 auto; align-items: start;
}
.phone {
  background: var(--shell); border: 1px solid var(--line); border-radius: 22px; box-shadow: var(--shadow);
  overflow: hidden;
}
.phone > h2 {
  margin: 0; padding: 12px 18px; font-size: 16px; display: flex; justify-content: space-between;
  align-items: baseline; border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums;
}
.phone > h2 span { font-size: 12.5px; font-weight: 400; color: var(--soft); }
.thread { background: var(--screen); padding: 14px; max-height: 560px; overflow-y: auto; display: grid; gap: 14px; }
.row { display: grid; gap: 3px; justify-items: start; }
.row.mine { justify-items: end; }
.bubble {
  background: var(--bubble); padding: 9px 13px; border-radius: 4px 16px 16px 16px; max-width: 94%;
  overflow-wrap: anywhere; box-shadow: 0 1px 1px rgb(20 30 50 / 7%);
}
.mine .bubble { background: var(--mine); color: var(--mine-ink); border-radius: 16px 4px 16px 16px; }
.bubble b { color: var(--warm); font-weight: 600; }
.meta { font-size: 12px; color: var(--soft); display: flex; gap: 4px 10px; flex-wrap: wrap; padding: 0 4px;
  align-items: center; font-variant-numeric: tabular-nums; }
.failed-row .bubble, .waiting-row .bubble { opacity: .55; box-shadow: 0 0 0 1px var(--soft); }
.delivered { color: var(--ok); } .failed { color: var(--bad); }
.new .bubble { animation: come .9s ease-out; }
@keyframes come { from { transform: translateY(-8px); box-shadow: 0 0 0 3px var(--warm); } }
@media (prefers-reduced-motion: reduce) { .new .bubble { animation: none; } }
button {
  font: inherit; font-size: 12.5px; border: 1px solid var(--line); background: var(--shell); color: inherit;
  border-radius: 99px; padding: 2px 12px; cursor: pointer; min-height: 28px;
}
button:hover { border-color: var(--warm); color: var(--warm); }
.empty { grid-column: 1 / -1; text-align: center; color: var(--soft); padding: 70px 20px; }
.empty b { display: block; color: var(--ink); font-size: 17px; }
@media (max-width: 520px) {
  header { padding: 12px 14px; } main { padding: 12px; gap: 12px; grid-template-columns: 1fr; }
  #counts { margin-left: 0; width: 100%; justify-content: space-between; } input { width: 100%; }
  .thread { max-height: none; } button { min-height: 34px; padding: 4px 16px; }
}
</style>
</head>
<body>
<header>
  <h1>手机收到了什么<small>本机模拟的运营商，没有真的发出任何短信、拨打任何电话</small></h1>
  <input id="find" type="search" placeholder="按尾号或内容查找" aria-label="按尾号或内容查找">
  <div id="counts">
    <span><b id="total">0</b> 条短信和电话</span><span><b id="people">0</b> 部手机</span>
    <span><i id="live"></i><span id="state">连接中</span></span>
  </div>
</header>
<main id="phones" aria-live="polite"></main>
<script>
"use strict";
const DELIVERY = {
  sms: { waiting: "发送中", delivered: "已送达", failed: "未送达" },
  voice: { waiting: "通话中", delivered: "已接听", failed: "未接听" },
};
const CARRIER = { aliyun_sms: "阿里云短信", aliyun_voice: "阿里云电话", tencent_sms: "腾讯云短信" };
const CHINA = { timeZone: "Asia/Shanghai" };
const PER_PHONE = 40;
const $ = (id) => document.getElementById(id);
const seen = new Set();
let first = true, last = "";

function make(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}
function when(iso) {
  const at = new Date(iso), clock = at.toLocaleTimeString("zh-CN", { hour12: false, ...CHINA });
  const day = (moment) => moment.toLocaleDateString("zh-CN", { month: "long", day: "numeric", ...CHINA });
  return day(at) === day(new Date()) ? clock : `${day(at)} ${clock}`;
}
function bubble(text) {
  const node = make("div", "bubble"), sign = /^【.*?】/.exec(text);
  if (sign) node.append(make("b", "", sign[0]));
  node.append(text.slice(sign ? sign[0].length : 0));
  return node;
}
function does(label, address, body) {
  const button = make("button", "", label);
  button.onclick = async () => {
    button.disabled = true;
    const headers = { "Content-Type": "application/json" };
    await fetch(address, { method: "POST", headers, body: JSON.stringify(body) });
    refresh();
  };
  return button;
}
function received(sms, canReply, isLastCall) {
  const row = make("div", `row ${sms.delivery}-row`), meta = make("div", "meta");
  const id = sms.biz_id + sms.phone;
  if (!seen.has(id) && !first) row.classList.add("new");
  seen.add(id);
  const failed = sms.delivery === "failed" && sms.err_code ? ` ${sms.err_code}` : "";
  meta.append(make("span", "", when(sms.accepted_at)), make("span", "", CARRIER[sms.carrier] || sms.carrier),
    make("span", sms.delivery, DELIVERY[sms.way][sms.delivery] + failed));
  if (canReply) meta.append(does("回复 1", "/_carrier/reply", { phone: sms.phone, content: "1" }));
  if (sms.pressed) meta.append(make("span", "", `按了 ${sms.pressed}`));
  else if (isLastCall && sms.delivery !== "failed")
    for (const key of sms.keys) meta.append(does(`按 ${key}`, "/_carrier/press", { phone: sms.phone, key }));
  row.append(bubble(sms.text), meta);
  return row;
}
function typed(reply) {
  const row = make("div", "row mine"), meta = make("div", "meta");
  meta.append(make("span", "", `${when(reply.at)} 回复`));
  row.append(make("div", "bubble", reply.content), meta);
  return row;
}
function draw(data) {
  const wanted = $("find").value.trim(), phones = new Map();
  const all = [...data.messages.map((sms) => ({ at: sms.accepted_at, phone: sms.phone, sms })),
    ...data.replies.map((reply) => ({ at: reply.at, phone: reply.phone, reply }))]
    .sort((a, b) => (a.at < b.at ? 1 : -1));
  for (const item of all) {
    const said = item.sms ? item.sms.text : item.reply.content;
    if (wanted && !item.phone.endsWith(wanted) && !said.includes(wanted)) continue;
    if (!phones.has(item.phone)) phones.set(item.phone, []);
    phones.get(item.phone).push(item);
  }
  const cards = [];
  for (const items of phones.values()) {
    const card = make("section", "phone"), head = make("h2", "", (items[0].sms || items[0].reply).phone_masked);
    const texts = items.filter((item) => item.sms);
    const calls = texts.filter((item) => item.sms.way === "voice");
    const count = `${texts.length - calls.length} 条短信`;
    head.append(make("span", "", calls.length ? `${count}，${calls.length} 个电话` : count));
    const thread = make("div", "thread");
    const newest = texts.find((item) => item.sms.way === "sms" && item.sms.delivery === "delivered");
    for (const item of items.slice(0, PER_PHONE))
      thread.append(item.sms ? received(item.sms, data.can_reply && item === newest, item === calls[0])
        : typed(item.reply));
    card.append(head, thread);
    cards.push(card);
  }
  if (!cards.length) {
    const empty = make("div", "empty");
    empty.append(make("b", "", wanted ? "没有找到" : "还没有短信和电话"),
      wanted ? "换一个尾号或词语试试" : "报警一旦发出，这里马上就能看到");
    cards.push(empty);
  }
  $("phones").replaceChildren(...cards);
  $("total").textContent = data.accepted;
  $("people").textContent = new Set(data.messages.map((sms) => sms.phone)).size;
  first = false;
}
async function refresh() {
  try {
    const text = await (await fetch("/phones.json")).text();
    if (text !== last) { last = text; draw(JSON.parse(text)); }
    $("live").className = ""; $("state").textContent = "实时";
  } catch {
    $("live").className = "lost"; $("state").textContent = "连接中断";
  }
}
$("find").oninput = () => { if (last) draw(JSON.parse(last)); };
refresh();
setInterval(() => { if (!document.hidden) refresh(); }, 1000);
</script>
</body>
</html>
"""
