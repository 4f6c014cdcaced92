"""What talks to the world outside: the vector store, HTTP, the language model."""
