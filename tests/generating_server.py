"""vLLM's chat completions answered by transformers: a model's own text, without vLLM's minutes.

What comes over the wire is what vLLM takes: a chat of text and `image_embeds`, each the file of a
tensor. Nothing is constrained, so the model must write a whole report by itself.
"""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from radraft.llm.endpoint import Endpoint


class Generator:
    """A LLaVA checkpoint's language model, with the adapter in a peft folder or without."""

    def __init__(self, checkpoint: Path, adapter: dict[str, Any] | None = None) -> None:
        from transformers import AutoTokenizer

        from radraft.finetune.train.language import load_base, with_lora
        from radraft.llm.llava_form import image_token_of

        model: Any = load_base(checkpoint, "fp32")
        if adapter is not None:
            from peft import set_peft_model_state_dict

            model = with_lora(model, adapter["lora"])
            set_peft_model_state_dict(model, adapter["state"])
        self.model = model.eval()
        self.tokenizer: Any = AutoTokenizer.from_pretrained(checkpoint)
        self.image_token = image_token_of(checkpoint)

    def answer(self, body: dict[str, Any]) -> str:
        import torch

        parts = [part for message in body["messages"] for part in message["content"]]
        tensors = [
            torch.load(io.BytesIO(base64.b64decode(part["image_embeds"])), weights_only=True)
            for part in parts
            if part["type"] == "image_embeds"
        ]
        text = self.tokenizer.apply_chat_template(
            body["messages"], tokenize=False, add_generation_prompt=True
        )
        assert text.count(self.image_token) == len(tensors)
        for tensor in tensors:
            text = text.replace(self.image_token, "\0" * len(tensor), 1)
        ids = self.tokenizer(
            text.replace("\0", self.image_token), add_special_tokens=False, return_tensors="pt"
        )["input_ids"]
        causal = self.model
        read = causal.get_input_embeddings()(ids)
        place = ids == self.tokenizer.convert_tokens_to_ids(self.image_token)
        read = read.masked_scatter(
            place[..., None].expand_as(read), torch.cat(tensors).to(read.dtype)
        )
        with torch.inference_mode():
            made = causal.generate(
                inputs_embeds=read,
                attention_mask=torch.ones_like(ids),
                do_sample=False,
                max_new_tokens=body["max_tokens"],
                pad_token_id=self.tokenizer.pad_token_id,
                eos_token_id=self.tokenizer.eos_token_id,
                use_cache=True,
            )
        return str(self.tokenizer.decode(made[0], skip_special_tokens=True))


@contextmanager
def serving(generator: Generator, model: str) -> Iterator[Endpoint]:
    """The address under which `generator` answers as `model`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            text = generator.answer(body)
            events = [
                {"choices": [{"delta": {"content": text}, "finish_reason": None}]},
                {"choices": [{"delta": {}, "finish_reason": "stop"}]},
            ]
            said = "".join(f"data: {json.dumps(event)}\n\n" for event in events)
            data = (said + "data: [DONE]\n\n").encode()
            self.send_response(200)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Endpoint(f"http://127.0.0.1:{server.server_port}", "key", model)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
