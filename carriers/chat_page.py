"""The chats on the page of what people received: a part of it, with its own script, in the page's look."""

from __future__ import annotations

CHATS = """<script>
"use strict";
const APPS = { wecom_robot: "企业微信群", wecom: "企业微信", wechat: "公众号" };
let lastChats = "";
document.head.append(make("style", "", `
  #chats:empty { display: none; }
  #chats .bubble { white-space: pre-line; }
  .presses { display: flex; gap: 8px; flex-wrap: wrap; margin-top: 8px; }
  .presses .done { background: var(--mine); color: var(--mine-ink); }
`));
const chatsAt = make("main");
chatsAt.id = "chats";
$("phones").after(chatsAt);

function chatRow(chat) {
  const row = make("div", "row"), body = make("div", "bubble"), meta = make("div", "meta");
  if (chat.everybody) body.append(make("b", "", "@所有人 "));
  body.append(chat.text);
  if (chat.buttons.length) {
    const presses = make("div", "presses");
    for (const each of chat.buttons) {
      const pressed = chat.pressed === each.key;
      const button = make("button", pressed ? "done" : "", (pressed && chat.answered) || each.text);
      button.disabled = Boolean(chat.pressed);
      button.onclick = async () => {
        button.disabled = true;
        await fetch("/_carrier/chat/press", { method: "POST", headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ id: chat.id, key: each.key }) });
        refreshChats();
      };
      presses.append(button);
    }
    body.append(presses);
  }
  meta.append(make("span", "", when(chat.at)));
  row.append(body, meta);
  return row;
}
function drawChats(rows) {
  const people = new Map();
  for (const chat of rows) {
    const name = `${APPS[chat.app]} · ${chat.to}`;
    if (!people.has(name)) people.set(name, []);
    people.get(name).push(chat);
  }
  chatsAt.replaceChildren(...[...people].map(([name, chats]) => {
    const card = make("section", "phone"), head = make("h2", "", name), thread = make("div", "thread");
    head.append(make("span", "", `${chats.length} 条消息`));
    thread.append(...chats.slice(0, PER_PHONE).map(chatRow));
    card.append(head, thread);
    return card;
  }));
}
async function refreshChats() {
  try {
    const text = await (await fetch("/chats.json")).text();
    if (text !== lastChats) { lastChats = text; drawChats(JSON.parse(text).chats); }
  } catch { /* the page's own state says that the connection is lost */ }
}
refreshChats();
setInterval(() => { if (!document.hidden) refreshChats(); }, 1000);
</script>
"""
