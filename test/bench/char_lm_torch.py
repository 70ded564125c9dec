"""The peer of char-lm.ts: the same character model in PyTorch. For each line `UPDATES` on stdin it trains so much and prints the seconds of processor time.

  python3 char_lm_torch.py TEXT HIDDEN EMBEDDING BATCH STEPS RATE CLIP      TEXT: codes of the symbols, one byte each
"""
import sys
import time
import torch

path = sys.argv[1]
hidden, embedding, batch, steps = map(int, sys.argv[2:6])
rate, clip = map(float, sys.argv[6:8])
torch.set_num_threads(1)
torch.set_num_interop_threads(1)
torch.manual_seed(1)
text = torch.frombuffer(bytearray(open(path, "rb").read()), dtype=torch.uint8).long()
symbols = int(text.max()) + 1
length = len(text) // batch
rows = text[: length * batch].view(batch, length)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(symbols, embedding)
        self.lstm = torch.nn.LSTM(embedding, hidden, batch_first=True)
        self.head = torch.nn.Linear(hidden, symbols)

    def forward(self, x, state):
        h, state = self.lstm(self.embed(x), state)
        return self.head(h), state


net = Net()
optimizer = torch.optim.Adam(net.parameters(), rate)
state, at = None, 0
print(torch.__version__, flush=True)
for line in sys.stdin:
    since = time.process_time()
    for _ in range(int(line)):
        if at + steps + 1 > length:
            state, at = None, 0
        x, y = rows[:, at : at + steps], rows[:, at + 1 : at + steps + 1]
        optimizer.zero_grad(set_to_none=True)
        logits, state = net(x, state)
        state = tuple(each.detach() for each in state)
        loss = torch.nn.functional.cross_entropy(logits.reshape(-1, symbols), y.reshape(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), clip)
        optimizer.step()
        at += steps
        last = loss.item()
    print(time.process_time() - since, last, flush=True)
