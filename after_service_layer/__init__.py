"""The box office with a service layer: views translate, services decide."""
