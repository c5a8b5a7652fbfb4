"""The words after ``sgl bench``: what they mean (`read`), and those of vLLM's and SGLang's bench (`foreign`)."""
